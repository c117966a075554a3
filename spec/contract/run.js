'use strict';
// The contract: the client's requests, validated by the service's OpenAPI documents.
//
//   node spec/contract/run.js DIRECTORY [reference] [command] [revision ...]
//
// DIRECTORY holds contract/validate.js and openapi/REVISION.json.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { commands } = require('./cli.js');
const { operations } = require('./operations.js');
const { reference } = require('./reference.js');
const { close } = require('./report.js');

const REVISIONS = path.join(__dirname, '..', '..',
  'lua', 'klaviyo', 'operations', 'revisions');
const INTERPRETERS = ['lua5.4', 'luajit'];

async function main(oracle, ...only) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'klaviyo-contract-'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  if (!only.length || only.includes('reference')) {
    const own = path.join(dir, 'reference');
    fs.mkdirSync(own);
    await reference(oracle, INTERPRETERS, own);
  }
  if (!only.length || only.includes('command')) await commands(oracle, INTERPRETERS, path.join(dir, 'command'));
  const documents = fs.readdirSync(path.join(oracle, 'openapi'))
    .map(name => name.replace(/\.json$/, '')).sort();
  const dates = documents.filter(date => fs.existsSync(path.join(REVISIONS, `${date.replace('.', '-')}.lua`)));
  const others = documents.filter(date => !dates.includes(date));
  if (others.length) console.log(`not checked, the client does not know them: ${others.join(', ')}`);
  for (const date of dates.filter(one => !only.length || only.includes(one))) {
    const own = path.join(dir, date);
    fs.mkdirSync(own);
    await operations(oracle, date, INTERPRETERS, own, { can_fail: date === dates[0] });
  }
  process.exit(close() ? 0 : 1);
}

main(...process.argv.slice(2)).catch(error => {
  console.error(error);
  process.exit(1);
});
