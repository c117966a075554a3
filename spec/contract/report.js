'use strict';
// One line a check; a few of the things that are wrong below it.

const SHOWN = Number(process.env.SHOWN) || 5;
let passed = 0, failed = 0;

// wrong: what speaks against it; none, and the check has passed
function check(what, wrong) {
  const list = wrong === true ? [] : wrong === false ? ['it is not so'] : wrong;
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
