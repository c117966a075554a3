'use strict';
// Runs a Lua script under one of the interpreters, with the built client.

const path = require('path');
const { by_source, start } = require('./servers.js');

const SECONDS = 300;

// Returns {code, output, errors}: its exit code, and what it printed.
async function lua(interpreter, script, args, { before = [] } = {}) {
  const child = start('timeout', ['-k', '5', String(SECONDS), interpreter, ...before,
    path.join(__dirname, script), ...args], by_source(interpreter));
  const text = { output: '', errors: '' };
  child.stdout.on('data', data => { text.output += data; });
  child.stderr.on('data', data => { text.errors += data; });
  return Object.assign({ code: await child.ended }, text);
}

module.exports = { lua };
