'use strict';
// Values that match a schema, each in two forms: `wire`, as in JSON:API, and
// `flat`, as passed to the client: attributes, relationships and id in one
// table, ids for linkage, an underscore for a hyphen.

const TEXT = {
  'date-time': '2024-11-08T09:30:00+00:00', date: '2024-11-08',
  time: '09:30:00', uri: 'https://example.com/a?b=c&d=%20',
};
// A free-form object whose members look like JSON:API.
const FREE = { 'a-b_c': 'é "\\/', data: { type: 'profile', id: '1', attributes: { n: 1.5 } } };
const RESOURCE = ['type', 'id', 'attributes', 'relationships', 'meta'];

const underscored = name => name.replace(/-/g, '_');
const both = value => ({ wire: value, flat: value });

class Values {
  // want.full: optional members too; want.nulls: null where it may be;
  // want.chosen: union → index of its branch
  constructor(deref, want) {
    this.deref = deref;
    this.want = Object.assign({ chosen: new Map() }, want);
    this.unions = new Map(); // union → the branch used
    this.members = new Map(); // schema → names of members with a value
    this.nullable = false;
  }

  // Returns null if every value of the schema would be infinite.
  make(ref, name = '', above = []) {
    const s = this.deref(ref);
    if (above.includes(s)) return null;
    above = [...above, s];
    if (s.oneOf) return this.union(s, name, above);
    if (s.enum) return both(s.enum[s.enum.length - 1]);
    if (s.type === 'array') return this.list(s, name, above);
    if (s.type === 'object' || s.properties) return this.object(s, above);
    return both(this.scalar(s, name));
  }

  scalar(s, name) {
    switch (s.type) {
      case 'string': return TEXT[s.format] || (name === 'id' ? 'ID/+=$:é' : `some ${name}`);
      case 'integer': return Math.max(s.minimum || 0, 7);
      case 'number': return 9.75;
      case 'boolean': return true;
      default: return s.nullable ? null : `any ${name}`;
    }
  }

  union(s, name, above) {
    const wanted = this.want.chosen.get(s);
    const order = wanted === undefined ? s.oneOf.keys() : [wanted];
    for (const index of order) {
      const value = this.make(s.oneOf[index], name, above);
      if (value) {
        this.unions.set(s, index);
        return value;
      }
    }
    return null;
  }

  list(s, name, above) {
    const item = this.make(s.items || {}, name, above);
    return item && { wire: [item.wire], flat: [item.flat] };
  }

  // Returns the value of a member; undefined if it should be absent.
  member(s, name, above, required) {
    const schema = this.deref(s.properties[name]);
    if (schema.readOnly || !required && !this.want.full) return undefined;
    const nullable = (schema.nullable || s.properties[name].nullable) && !schema.enum;
    this.nullable = this.nullable || nullable;
    if (nullable && this.want.nulls) return both(null);
    return this.make(s.properties[name], name, above) || (required ? null : undefined);
  }

  // Returns the required members; at least one of required relationships.
  required(s, above) {
    const names = new Set(this.isDocument(s) ? ['data'] : s.required);
    const parent = above[above.length - 2];
    const all = Object.keys(s.properties || {});
    if (!names.size && all.length && parent && parent.properties && parent.required &&
        parent.required.includes('relationships') &&
        this.deref(parent.properties.relationships) === s) {
      names.add(all[0]);
    }
    return names;
  }

  object(s, above) {
    if (!s.properties) return both(s.maxProperties === 0 ? {} : FREE);
    const wire = {}, flat = {};
    const required = this.required(s, above);
    for (const name of Object.keys(s.properties)) {
      const value = this.member(s, name, above, required.has(name));
      if (value === null) return null;
      if (value === undefined) continue;
      wire[name] = value.wire;
      flat[underscored(name)] = value.flat;
      if (!this.members.has(s)) this.members.set(s, new Set());
      this.members.get(s).add(name);
    }
    if (this.isDocument(s)) return { wire, flat: this.flatten(wire.data, flat.data) };
    return { wire, flat };
  }

  isDocument(s) {
    if (Object.keys(s.properties).join() !== 'data') return false;
    let data = this.deref(s.properties.data);
    if (data.type === 'array') data = this.deref(data.items);
    const names = Object.keys(data.properties || {});
    return names.includes('type') && names.every(name => RESOURCE.includes(name)) &&
      (this.deref(data.properties.type).enum || []).length === 1;
  }

  flatten(wire, flat) {
    if (wire === null) return null;
    if (Array.isArray(wire)) return wire.map((one, i) => this.flatten(one, flat[i]));
    if (Object.keys(wire).every(name => name === 'type' || name === 'id')) return wire.id;
    const { type, attributes, relationships, ...own } = flat;
    // a few resources have their id among the attributes, too: it is one name
    if (attributes && 'id' in attributes && 'id' in own) {
      wire.attributes.id = own.id;
      delete attributes.id;
    }
    const parts = [own, attributes || {}, relationships || {}];
    const out = Object.assign({}, ...parts);
    const names = parts.flatMap(Object.keys);
    if (new Set(names).size !== names.length) throw new Error(`${type}: a name twice: ${names}`);
    return out;
  }
}

module.exports = { Values };
