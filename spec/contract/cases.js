'use strict';
// The requests by which a revision is judged, made from its OpenAPI document
// and from nothing of the client's: for each operation the least one, one with
// everything, one with nulls, and one for each branch of each union.
//
//   node cases.js openapi.json >cases.json

const { Api } = require('./openapi.js');
const { parameters } = require('./queries.js');
const { Values } = require('./values.js');

// {"operation attributes.name"} of all that the document's bodies may hold
function pairs_of(api, op) {
  const pairs = new Set();
  const resource = ref => {
    const s = api.deref(ref);
    for (const branch of s.oneOf || []) resource(branch);
    if (s.items) resource(s.items);
    for (const part of ['attributes', 'relationships']) {
      const members = api.deref((s.properties || {})[part]) || {};
      for (const [name, member] of Object.entries(members.properties || {})) {
        if (!api.deref(member).readOnly) pairs.add(`${op.id} ${part}.${name}`);
      }
    }
  };
  const { data } = api.deref(op.schema).properties;
  if (data) resource(data);
  return pairs;
}

// every member of every schema that a body may be made of, as "schema name"
function unseen(api, op, seen) {
  const missing = [], known = new Set();
  const walk = ref => {
    const s = api.deref(ref);
    if (known.has(s)) return;
    known.add(s);
    for (const branch of s.oneOf || []) walk(branch);
    if (s.items) walk(s.items);
    for (const [name, member] of Object.entries(s.properties || {})) {
      if (api.deref(member).readOnly) continue;
      if (!(seen.get(s) || new Set()).has(name)) missing.push(`${op.id} … ${name}`);
      walk(member);
    }
  };
  walk(op.schema);
  return missing;
}

function bodies(api, op) {
  const list = [], seen = new Map(), covered = new Map();
  const queue = [{ name: 'minimal' }, { name: 'full', full: true }];
  for (const want of queue) {
    const values = new Values(api.deref, want);
    const made = values.make(op.schema);
    if (!made) continue; // that branch has no end there
    list.push(Object.assign({ name: want.name, full: want.full }, made));
    for (const [s, names] of values.members) {
      seen.set(s, new Set([...seen.get(s) || [], ...names]));
    }
    if (!want.full || want.nulls) continue;
    if (want.name === 'full' && values.nullable) {
      queue.push({ name: 'nulls', full: true, nulls: true });
    }
    for (const [s, index] of values.unions) {
      const done = covered.get(s) || new Set();
      covered.set(s, done.add(index));
      s.oneOf.forEach((_, i) => {
        if (done.has(i)) return;
        done.add(i);
        queue.push({ name: `branch ${queue.length}`, full: true,
          chosen: new Map(values.unions).set(s, i) });
      });
    }
  }
  return { list, missing: unseen(api, op, seen) };
}

function cases_of(api, op, out) {
  const shared = { operation: op.id, method: op.method, template: op.path, public: op.public };
  const add = (name, full, body) => {
    const one = Object.assign({ n: out.cases.length + 1, name }, shared,
      parameters(op, api.deref, full), body);
    // the resource that is changed is the one of the path
    if (op.method === 'PATCH' && one.wire.data.id) one.wire.data.id = one.flat.id = one.path.id;
    out.cases.push(one);
  };
  if (op.media && !op.media.includes('json')) {
    out.multipart.push(op.id);
  } else if (op.schema) {
    const { list, missing } = bodies(api, op);
    for (const { name, full, wire, flat } of list) add(name, full, { wire, flat });
    for (const pair of pairs_of(api, op)) out.pairs.push(pair);
    out.missing.push(...missing);
  } else {
    add('minimal', false);
    add('full', true);
  }
}

function cases(document) {
  const api = new Api(document);
  const out = { revision: api.revision, operations: 0, cases: [], multipart: [], pairs: [],
    missing: [] };
  for (const op of api.operations()) {
    out.operations += 1;
    cases_of(api, op, out);
  }
  return out;
}

module.exports = { cases };

if (require.main === module) {
  const text = require('fs').readFileSync(process.argv[2], 'utf8');
  console.log(JSON.stringify(cases(JSON.parse(text))));
}
