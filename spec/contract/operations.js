'use strict';
// Every operation of a revision: what the judge took down of the cases is held
// against the cases.

const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');
const { cases } = require('./cases.js');
const { lua } = require('./lua.js');
const { check } = require('./report.js');
const { gateway, judge } = require('./servers.js');

// What is uploaded: bytes that are no text, and look like a form's.
const PICTURE = Buffer.concat([Buffer.from('89504e470d0a1a0a00ff', 'hex'),
  Buffer.from('\r\n--boundary--\r\n')]);

const TOKEN = 'contract'; // what the client has for a key

const json = value => JSON.stringify(value);

function same_query(wanted, found) {
  const rest = Object.assign({}, found);
  if (!('page[size]' in wanted)) delete rest['page[size]']; // an iterator's own
  return isDeepStrictEqual(wanted, rest);
}

// The parts of a form by name; what is no text, in base64.
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

// What was found, but for the unique_ids that the client gives to events that
// lack one, or have null in its place.
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

// The differences of a case and what came of it.
function compare(one, request) {
  const out = [];
  const say = (what, wanted, found) => out.push(
    `${one.operation}, ${one.name}: ${what} ${json(found)}, not ${json(wanted)}`);
  if (request.operation_id !== one.operation) {
    say('operation', one.operation, request.operation_id);
  }
  if (!isDeepStrictEqual(request.path_params, one.path)) {
    say('path', one.path, request.path_params);
  }
  if (!same_query(one.query, request.query)) say('query', one.query, request.query);
  const body = without_ids(one.wire, request.body);
  if (!isDeepStrictEqual(body, one.wire)) say('body', one.wire, body);
  if (one.upload) {
    const wanted = Object.assign({ file: PICTURE.toString('base64'), filename: 'picture.png',
      type: 'Content-Type: image/png' }, one.parts);
    const found = parts_of(request.multipart);
    if (!isDeepStrictEqual(found, wanted)) say('form', wanted, found);
  }
  return out;
}

function headers(one, request, revision) {
  const wanted = { revision, accept: 'application/vnd.api+json' };
  if (!one.public) wanted.authorization = 'Klaviyo-API-Key';
  if (one.wire) wanted['content-type'] = 'application/vnd.api+json';
  const got = Object.assign({}, request.headers);
  if (one.upload) delete got['content-type']; // has a boundary; the judge looks at it
  for (const [name, value] of Object.entries(one.headers)) wanted[name.toLowerCase()] = value;
  const names = ['revision', 'accept', 'authorization', 'content-type', 'x-klaviyo-api-filters'];
  return names.filter(name => got[name] !== wanted[name]).map(name =>
    `${one.operation}, ${one.name}: ${name} ${json(got[name])}, not ${json(wanted[name])}`);
}

// The pairs that are on the wire, from the bodies that went over it.
function pairs_of(requests) {
  const seen = new Set();
  for (const { operation_id, body } of requests) {
    for (const data of [].concat((body || {}).data || [])) {
      for (const part of ['attributes', 'relationships']) {
        for (const name of Object.keys(data[part] || {})) seen.add(`${operation_id} ${part}.${name}`);
      }
    }
  }
  return seen;
}

// What should not be in the logs of the gateway; a line for each request should.
function logged({ logs, requests }) {
  const lines = logs.split('\n').filter(Boolean);
  const told = lines.filter(line => / contract | - (GET|POST)/.test(line));
  return [...lines.filter(line => /\[\w+\]|pk_|Bearer|@|\?/.test(line)),
    ...told.length === requests.length ? [] : [`${told.length} lines of ${requests.length} requests`]];
}

// A name that goes through a gateway as well.
const case_of = request => Number(request.headers['user-agent'].replace('case/', ''));

// [what is judged, what speaks against it] of a run: {work, requests, violations,
// troubles, connections}
function judgements({ work, requests, violations, troubles, connections }) {
  const by_case = new Map(requests.map(request => [case_of(request), request]));
  const seen = new Set(requests.map(request => request.operation_id));
  const wire = pairs_of(requests);
  const sent = work.cases.filter(one => by_case.has(one.n));
  const each = judge_one => sent.flatMap(one => judge_one(one, by_case.get(one.n), work.revision));
  return [
    [`${seen.size} of ${work.operations.length} operations`,
      work.operations.filter(id => !seen.has(id))],
    [`${requests.length} requests for ${work.cases.length} cases`,
      requests.length === work.cases.length && sent.length === requests.length ? troubles :
        [...troubles, 'not one each']],
    [`${violations.length} violations`, violations.map(v =>
      `${v.operation_id}: ${v.code} ${v.where}: ${v.message}`)],
    ['paths, queries and documents are those of the cases', each(compare)],
    [`${work.pairs.length} attributes and relationships on the wire`,
      [...work.missing, ...work.pairs.filter(pair => !wire.has(pair))]],
    ['revision on all, Authorization on all but /client', each(headers)],
    ['one connection', connections === 1 ? [] : [`${connections} connections`]],
  ];
}

// Does each judgement see what it is there for? A run that passed is spoiled
// in one way after another.
function sharpness(run) {
  const spoil = change => {
    const copy = JSON.parse(json(run.requests));
    change(copy);
    return Object.assign({}, run, { requests: copy });
  };
  const with_body = list => list.find(one => one.body && one.body.data.attributes);
  const spoiled = [
    spoil(list => list.splice(0, list.length, ...list.filter(one => one.operation_id !== 'get_list'))),
    spoil(list => list.pop()),
    Object.assign({}, run, { violations: [{ operation_id: 'get_list' }] }),
    spoil(list => { with_body(list).body.data.attributes.other = 1; }),
    spoil(list => list.forEach(one => {
      if (one.operation_id === 'create_list') delete one.body.data.attributes.name;
    })),
    spoil(list => {
      list.find(one => one.path.startsWith('/client/')).headers.authorization = 'Klaviyo-API-Key';
    }),
    Object.assign({}, run, { connections: 2 }),
  ];
  return spoiled.flatMap((one, i) => {
    const [what, wrong] = judgements(one)[i];
    return wrong.length ? [] : [`passed all the same: ${what}`];
  });
}

// One run of all cases; straight, or through the gateway.
async function run_of(oracle, document, dir, work, interpreter, through) {
  const cases_file = path.join(dir, 'cases.json');
  const picture = path.join(dir, 'picture.png');
  const server = await judge(oracle, document, fs.mkdtempSync(path.join(dir, `${interpreter}-`)));
  const before = through && await gateway(server.url, TOKEN);
  const { code, output, errors } = await lua(interpreter, 'operations.lua',
    [cases_file, before ? before.url : server.url, picture, TOKEN, ...before ? ['Bearer'] : []]);
  const logs = before && await before.stop();
  await server.stop();
  const troubles = output.split('\n').filter(Boolean).map(line => {
    const [n, why] = line.split('\t');
    const one = work.cases[n - 1];
    return one ? `${one.operation}, ${one.name}: ${why}` : line;
  });
  if (code !== 0) troubles.unshift(`${interpreter} ended with ${code}: ${errors}`);
  return { work, requests: server.requests(), violations: server.violations(), troubles,
    connections: server.connections(), logs };
}

async function operations(oracle, date, interpreters, dir, { sharp }) {
  const document = path.join(oracle, 'openapi', `${date}.json`);
  const work = cases(JSON.parse(fs.readFileSync(document, 'utf8')));
  fs.writeFileSync(path.join(dir, 'cases.json'), json(work));
  fs.writeFileSync(path.join(dir, 'picture.png'), PICTURE);
  await Promise.all(interpreters.map(async interpreter => {
    const run = await run_of(oracle, document, dir, work, interpreter);
    for (const [what, wrong] of judgements(run)) check(`${date}, ${interpreter}: ${what}`, wrong);
    if (sharp) check(`${date}, ${interpreter}: each of these checks can fail`, sharpness(run));
  }));
  const run = await run_of(oracle, document, dir, work, interpreters[0], true);
  const label = `${date}, through the gateway`;
  // how many connections nginx keeps is its own affair
  for (const [what, wrong] of judgements(run).slice(0, -1)) check(`${label}: ${what}`, wrong);
  check(`${label}: its logs tell of nothing wrong, and of no secret`, logged(run));
}

module.exports = { operations };
