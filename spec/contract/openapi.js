'use strict';
// The requests of an OpenAPI document of the service.

const VERBS = ['get', 'post', 'patch', 'put', 'delete'];

class Api {
  constructor(document) {
    this.document = document;
    this.revision = document.info.version;
    this.deref = this.deref.bind(this);
  }

  deref(x) {
    while (x && x.$ref) {
      x = x.$ref.slice(2).split('/').reduce((at, key) => at[key], this.document);
    }
    return x;
  }

  // [{id, method, path, public, params, media, schema}]
  operations() {
    const list = [];
    for (const [path, item] of Object.entries(this.document.paths)) {
      for (const verb of VERBS.filter(v => item[v])) {
        const one = item[verb];
        const body = this.deref(one.requestBody);
        const media = body && Object.keys(body.content)[0];
        list.push({
          id: one.operationId, method: verb.toUpperCase(), path, media,
          public: !(one.security || this.document.security || []).length,
          params: [...(item.parameters || []), ...(one.parameters || [])].map(this.deref),
          filters: one['x-klaviyo-filters'],
          aliases: one['x-klaviyo-operation-aliases'] || [],
          schema: body && body.content[media].schema,
        });
      }
    }
    return list;
  }
}

module.exports = { Api };
