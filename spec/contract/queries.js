'use strict';
// The parameters of an operation: as arguments of the client (`args`), and as
// expected in the request (`path`, `query`).

const COMPARISON = /^(less|greater)-/;
const WHEN = '2024-11-08T09:30:00+00:00';
const SCALAR = { string: 'a "b" \\ ,)é', integer: 7, number: 1.5, boolean: true };

// [{field, operator, value}]: every operator of every field
function terms(op, parameter) {
  const list = [];
  const add = (field, operators, type) => {
    for (const operator of new Set(operators)) {
      let value = SCALAR[type.type];
      if (type.format === 'date-time' || !type.known && COMPARISON.test(operator)) value = WHEN;
      if (type.enum) value = type.enum[0];
      const date = value === WHEN;
      if (/^(any|contains-any|contains-all)$/.test(operator)) value = [value];
      list.push({ field, operator, value: operator === 'has' ? undefined : value, date });
    }
  };
  if (op.filters) {
    for (const [field, rule] of Object.entries(op.filters)) {
      const type = Object.assign({ known: true }, rule.value);
      const { list: lists = [], single = [] } = rule.operators;
      add(field, [...single, ...lists], type);
    }
  } else {
    for (const [, field, operators] of
      parameter.description.matchAll(/`([^`]+)`: ((?:`[a-z-]+`(?:, )?)+)/g)) {
      add(field, operators.match(/[a-z-]+/g), { type: 'string' });
    }
  }
  return list;
}

function written(term) {
  if (term.operator === 'has') return `has(${term.field})`;
  const one = value => term.date ? value : JSON.stringify(value);
  const value = Array.isArray(term.value) ? `[${term.value.map(one)}]` : one(term.value);
  return `${term.operator}(${term.field},${value})`;
}

function value_of(deref, parameter) {
  const s = deref(parameter.schema);
  if (s.type === 'array') return deref(s.items).enum || ['some'];
  if (s.enum) return s.enum[s.enum.length - 1];
  if (s.type === 'integer') return s.maximum || 10;
  return parameter.name === 'company_id' ? 'AbC123' : 'some text';
}

function put(op, deref, p, out) {
  const [, family, type] = /^(fields|additional-fields|page)\[(.*)\]$/.exec(p.name) || [];
  if (p.name === 'filter') {
    const list = terms(op, p);
    out.args.filter = list.length ? list : p.schema.example;
    out.query.filter = list.length ? list.map(written).join() : p.schema.example;
    return;
  }
  const value = value_of(deref, p);
  out.query[p.name] = String(value);
  if (family) {
    const name = family.replace('-', '_');
    out.args[name] = Object.assign(out.args[name] || {}, { [type.replace(/-/g, '_')]: value });
  } else if (['sort', 'include', 'company_id'].includes(p.name)) {
    out.args[p.name] = value;
  } else {
    out.args.query = Object.assign(out.args.query || {}, { [p.name]: value });
  }
}

function parameters(op, deref, full) {
  const out = { args: {}, path: {}, query: {}, headers: {} };
  for (const p of op.params) {
    if (p.in === 'path') {
      const s = deref(p.schema);
      out.path[p.name] = out.args[p.name] = s.enum ? s.enum[0] : full ? '$custom:::a/b+c==' : 'ID';
    } else if (p.in === 'query' && (full || p.required)) {
      put(op, deref, p, out);
    } else if (p.in === 'header' && p.name !== 'revision' && full) {
      out.headers[p.name] = p.schema.example;
    }
  }
  return out;
}

module.exports = { parameters };
