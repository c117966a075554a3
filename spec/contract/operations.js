'use strict';
// Every operation of a revision: compares the requests that the validator
// recorded with the cases.

const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');
const { cases } = require('./cases.js');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { gateway, validator } = require('./servers.js');

// The uploaded file: bytes that are not text, with a line like a multipart boundary.
const PICTURE = Buffer.concat([Buffer.from('89504e470d0a1a0a00ff', 'hex'),
  Buffer.from('\r\n--boundary--\r\n')]);

const TOKEN = 'contract'; // the client's key

const json = value => JSON.stringify(value);

function same_query(wanted, found) {
  const rest = Object.assign({}, found);
  if (!('page[size]' in wanted)) delete rest['page[size]']; // the iterator adds it
  return isDeepStrictEqual(wanted, rest);
}

// The parts of a multipart body by name; binary ones in base64.
function parts_of(multipart) {
  const parts = {};
  for (const { headers, body, body_base64 } of multipart || []) {
    const name = /[; ]name="([^"]*)"/.exec(headers.join())[1];
    parts[name] = body_base64 || body;
    if (name === 'file') {
      parts.filename = /filename="([^"]*)"/.exec(headers.join())[1];
      parts.type = headers.filter(line => /^content-type:/i.test(line)).join();
    }
  }
  return parts;
}

// The found body without the unique_ids that the client generates for events
// without one, or with null.
function without_ids(wanted, found) {
  if (found === null || typeof found !== 'object') return found;
  if (Array.isArray(found)) return found.map((one, i) => without_ids((wanted || [])[i], one));
  const out = {};
  for (const [name, one] of Object.entries(found)) {
    const asked = wanted && typeof wanted === 'object' && name in wanted;
    const own = name === 'unique_id' && !(asked && wanted[name] !== null);
    if (!own) out[name] = without_ids((wanted || {})[name], one);
    else if (asked && /^[0-9a-f-]{36}$/.test(one)) out[name] = null;
    else if (asked) out[name] = one;
  }
  return out;
}

// The differences between a case and its request.
function compare(one, request) {
  const out = [];
  const report = (what, wanted, found) => out.push(
    `${one.operation}, ${one.name}: ${what} ${json(found)}, not ${json(wanted)}`);
  if (request.operation_id !== one.operation) {
    report('operation', one.operation, request.operation_id);
  }
  if (!isDeepStrictEqual(request.path_params, one.path)) {
    report('path', one.path, request.path_params);
  }
  if (!same_query(one.query, request.query)) report('query', one.query, request.query);
  const body = without_ids(one.wire, request.body);
  if (!isDeepStrictEqual(body, one.wire)) report('body', one.wire, body);
  if (one.upload) {
    const wanted = Object.assign({ file: PICTURE.toString('base64'), filename: 'picture.png',
      type: 'Content-Type: image/png' }, one.parts);
    const found = parts_of(request.multipart);
    if (!isDeepStrictEqual(found, wanted)) report('form', wanted, found);
  }
  return out;
}

function headers(one, request, revision, scheme) {
  const wanted = { revision, accept: 'application/vnd.api+json' };
  if (!one.public) wanted.authorization = scheme;
  if (one.wire) wanted['content-type'] = 'application/vnd.api+json';
  const got = Object.assign({}, request.headers);
  if (one.upload) delete got['content-type']; // has a boundary; the validator checks it
  for (const [name, value] of Object.entries(one.headers)) wanted[name.toLowerCase()] = value;
  const names = ['revision', 'accept', 'authorization', 'content-type', 'x-klaviyo-api-filters'];
  return names.filter(name => got[name] !== wanted[name]).map(name =>
    `${one.operation}, ${one.name}: ${name} ${json(got[name])}, not ${json(wanted[name])}`);
}

// The members in the bodies of the requests, as "operation part.name".
function pairs_of(requests) {
  const called = new Set();
  for (const { operation_id, body } of requests) {
    for (const data of [].concat((body || {}).data || [])) {
      for (const part of ['attributes', 'relationships']) {
        for (const name of Object.keys(data[part] || {})) called.add(`${operation_id} ${part}.${name}`);
      }
    }
  }
  return called;
}

// The gateway's log lines that should not exist; each request should have one line.
function logged({ logs, requests }) {
  const lines = logs.split('\n').filter(Boolean);
  const requested = lines.filter(line => / contract | - (GET|POST)/.test(line));
  return [...lines.filter(line => /\[\w+\]|(pk|at|rt|cs)_of|Bearer|@|\?/.test(line)),
    ...requested.length === requests.length ? [] : [`${requested.length} lines of ${requests.length} requests`]];
}

// The number of a case, in a header field that a gateway passes too.
const case_of = request => Number(request.headers['user-agent'].replace('case/', ''));

// [check, problems] of a run: {work, requests, violations, failures, connections, scheme}
function checks({ work, requests, violations, failures, connections, scheme }) {
  const by_case = new Map(requests.map(request => [case_of(request), request]));
  const called = new Set(requests.map(request => request.operation_id));
  const wire = pairs_of(requests);
  const sent = work.cases.filter(one => by_case.has(one.n));
  const each = compare_one => sent.flatMap(one => compare_one(one, by_case.get(one.n), work.revision, scheme));
  return [
    [`${called.size} of ${work.operations.length} operations`,
      work.operations.filter(id => !called.has(id))],
    [`${requests.length} requests for ${work.cases.length} cases`,
      requests.length === work.cases.length && sent.length === requests.length ? failures :
        [...failures, 'not one request for each case']],
    [`${violations.length} violations`, violations.map(v =>
      `${v.operation_id}: ${v.code} ${v.where}: ${v.message}`)],
    ['paths, queries and documents are those of the cases', each(compare)],
    [`${work.pairs.length} attributes and relationships on the wire`,
      [...work.missing, ...work.pairs.filter(pair => !wire.has(pair))]],
    ['revision on all, Authorization on all but /client', each(headers)],
    ['one connection', connections === 1 ? [] : [`${connections} connections`]],
  ];
}

// Whether each check can fail: changes a run that passed in one way for each
// check.
function ineffective(run) {
  const changed = change => {
    const copy = JSON.parse(json(run.requests));
    change(copy);
    return Object.assign({}, run, { requests: copy });
  };
  const with_body = list => list.find(one => one.body && one.body.data.attributes);
  const runs = [
    changed(list => list.splice(0, list.length, ...list.filter(one => one.operation_id !== 'get_list'))),
    changed(list => list.pop()),
    Object.assign({}, run, { violations: [{ operation_id: 'get_list' }] }),
    changed(list => { with_body(list).body.data.attributes.other = 1; }),
    changed(list => list.forEach(one => {
      if (one.operation_id === 'create_list') delete one.body.data.attributes.name;
    })),
    changed(list => {
      list.find(one => one.path.startsWith('/client/')).headers.authorization = 'Klaviyo-API-Key';
    }),
    Object.assign({}, run, { connections: 2 }),
  ];
  return runs.flatMap((one, i) => {
    const [what, wrong] = checks(one)[i];
    return wrong.length ? [] : [`cannot fail: ${what}`];
  });
}

// Sends all cases, directly or through a connection of the gateway.
async function run_of(oracle, document, dir, work, interpreter, connection) {
  const cases_file = path.join(dir, 'cases.json');
  const picture = path.join(dir, 'picture.png');
  const server = await validator(oracle, document, fs.mkdtempSync(path.join(dir, `${interpreter}-`)));
  const before = connection && await gateway(server.url, TOKEN, connection);
  const { code, output, errors } = await lua(interpreter, 'operations.lua',
    [cases_file, before ? before.url : server.url, picture, TOKEN, ...before ? ['Bearer'] : []]);
  const logs = before && await before.stop();
  await server.stop();
  const failures = output.split('\n').filter(Boolean).map(line => {
    const [n, why] = line.split('\t');
    const one = work.cases[n - 1];
    return one ? `${one.operation}, ${one.name}: ${why}` : line;
  });
  if (code !== 0) failures.unshift(`${interpreter} ended with ${code}: ${errors}`);
  return { work, requests: server.requests(), violations: server.violations(), failures,
    connections: server.connections(), logs,
    scheme: connection === 'oauth' ? 'Bearer' : 'Klaviyo-API-Key' };
}

async function operations(oracle, date, interpreters, dir, { can_fail }) {
  const document = path.join(oracle, 'openapi', `${date}.json`);
  const work = cases(JSON.parse(fs.readFileSync(document, 'utf8')));
  fs.writeFileSync(path.join(dir, 'cases.json'), json(work));
  fs.writeFileSync(path.join(dir, 'picture.png'), PICTURE);
  await Promise.all(interpreters.map(async interpreter => {
    const run = await run_of(oracle, document, dir, work, interpreter);
    for (const [what, wrong] of checks(run)) check(`${date}, ${interpreter}: ${what}`, wrong);
    if (can_fail) check(`${date}, ${interpreter}: each of these checks can fail`, ineffective(run));
  }));
  for (const connection of ['key', 'oauth']) {
    const run = await run_of(oracle, document, dir, work, interpreters[0], connection);
    const label = `${date}, through the gateway's connection ${connection}`;
    // nginx decides how many connections it keeps
    for (const [what, wrong] of checks(run).slice(0, -1)) check(`${label}: ${what}`, wrong);
    check(`${label}: its logs contain no error and no secret`, logged(run));
    if (can_fail) {
      const other = Object.assign({}, run, { scheme: 'other' });
      check(`${label}: the check of Authorization can fail`, checks(other)[5][1].length > 0);
    }
  }
}

module.exports = { operations };
