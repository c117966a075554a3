'use strict';
// A Lua script run by one of the interpreters, on the built client.

const path = require('path');
const { start } = require('./servers.js');

const ROOT = path.join(__dirname, '..', '..');
const SECONDS = 300;

// {code, output, errors}: how it ended, and what it printed
async function lua(interpreter, script, args, { before = [] } = {}) {
  const env = Object.assign({}, process.env, {
    LUA_PATH: `${ROOT}/lua/?.lua;${ROOT}/lua/?/init.lua;;`,
    LUA_CPATH: `${ROOT}/build/${interpreter}/?.so;;`,
  });
  for (const name of Object.keys(env)) {
    if (/^LUA_(INIT|C?PATH_)|^KLAVIYO_|_proxy$/i.test(name)) delete env[name];
  }
  const child = start('timeout', ['-k', '5', String(SECONDS), interpreter, ...before,
    path.join(__dirname, script), ...args], { env, cwd: ROOT });
  const text = { output: '', errors: '' };
  child.stdout.on('data', data => { text.output += data; });
  child.stderr.on('data', data => { text.errors += data; });
  return Object.assign({ code: await child.ended }, text);
}

module.exports = { lua };
