'use strict';
// Every operation, called by the command `klaviyo` as its --help shows it.

const fs = require('fs');
const path = require('path');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { validator } = require('./servers.js');

const DATES = ['2024-10-15', '2026-07-15'];

const line_of = v => `${v.operation_id}: ${v.code} ${v.where}: ${v.message}`;

async function cli(oracle, date, interpreter, dir) {
  const document = path.join(oracle, 'openapi', `${date}.json`);
  const ids = new Set();
  for (const item of Object.values(JSON.parse(fs.readFileSync(document, 'utf8')).paths)) {
    for (const op of Object.values(item)) if (op.operationId) ids.add(op.operationId);
  }
  const server = await validator(oracle, document, dir);
  const { code, output, errors } = await lua(interpreter, 'cli.lua', [date, server.url]);
  await server.stop();
  const label = `command, ${date}, ${interpreter}`;
  const failures = output.split('\n').filter(Boolean);
  if (code !== 0) failures.unshift(`it ended with ${code}: ${errors}`);
  check(`${label}: the example of each help succeeds`, failures);
  const called = new Set(server.requests().map(one => one.operation_id));
  check(`${label}: calls each of ${ids.size} operations`,
    [...ids].filter(id => !called.has(id)).map(id => `${id} was not called`));
  check(`${label}: no violation`, server.violations().map(line_of));
}

async function commands(oracle, interpreters, dir) {
  for (const date of DATES) {
    for (const interpreter of interpreters) {
      const own = path.join(dir, `${date}-${interpreter}`);
      fs.mkdirSync(own, { recursive: true });
      await cli(oracle, date, interpreter, own);
    }
  }
}

module.exports = { commands };
