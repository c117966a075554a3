'use strict';
// Prints one line for each check, and a few of its problems below it.

const SHOWN = Number(process.env.SHOWN) || 5;
let passed = 0, failed = 0;

// wrong: the problems; the check passes if there are none
function check(what, wrong) {
  const list = wrong === true ? [] : wrong === false ? ['it is not true'] : wrong;
  if (list.length) failed += 1; else passed += 1;
  console.log(`${list.length ? 'FAILED' : 'ok'}  ${what}`);
  for (const one of list.slice(0, SHOWN)) console.log(`        ${one}`);
  if (list.length > SHOWN) console.log(`        and ${list.length - SHOWN} more`);
}

function close() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

module.exports = { check, close };
