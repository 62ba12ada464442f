// Reads {file: definition} as JSON, writes the findings of asl-validator as a JSON list.
const validate = require("asl-validator");
const machines = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const findings = [];
for (const [file, definition] of Object.entries(machines)) {
  const { isValid, errors } = validate(definition, { checkPaths: true, checkArn: false });
  if (!isValid) {
    for (const error of errors) {
      findings.push(`${file}: ${error["Error code"]} ${error.Message ?? error.message ?? JSON.stringify(error)}`);
    }
  }
}
process.stdout.write(JSON.stringify(findings));
