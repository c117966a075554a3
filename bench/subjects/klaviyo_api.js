// The workloads of the benchmark with the official SDK: node klaviyo_api.js WORKLOAD COUNT
// URL CA_FILE, with NODE_PATH and NODE_EXTRA_CA_CERTS set. Prints "responses
// processor-seconds seconds peak-kB kB".

const { ApiKeySession, EventsApi, ProfilesApi } = require("klaviyo-api");

const CONCURRENCY = 100;
const WARM = 100;
const [workload, words, base] = process.argv.slice(2);
const count = Number(words);

const session = new ApiKeySession("pk_bench");
const profiles = new ProfilesApi(session);
const events = new EventsApi(session);
profiles.basePath = base;
events.basePath = base;

const event = (number) => ({ data: { type: "event", attributes: {
  metric: { data: { type: "metric", attributes: { name: "Viewed Product" } } },
  profile: { data: { type: "profile", attributes: { email: "somebody@example.com" } } },
  properties: { product_id: "SKU123", product_name: "Blue T-Shirt", number },
  uniqueId: String(number).padStart(32, "0"), value: 129.95,
} } });

const fail = (what) => { throw new Error(what); };

const workloads = {
  async get(n) {
    for (let i = 0; i < n; i++) {
      const { body } = await profiles.getProfile("one");
      if (!body.data.attributes.email) fail("no email");
    }
    return n;
  },
  async page(n) {
    for (let i = 0; i < n; i++) {
      const { body } = await profiles.getProfiles({ pageSize: 100 });
      if (body.data.length !== 100) fail("no page");
    }
    return n;
  },
  // base is the folder of the page
  async decode(n) {
    const text = require("fs").readFileSync(`${base}/page.json`, "utf8");
    for (let i = 0; i < n; i++) {
      if (JSON.parse(text).data.length !== 100) fail("no page");
    }
    return n;
  },
  async post(n) {
    for (let i = 0; i < n; i++) {
      const { response } = await events.createEvent(event(i));
      if (response.status !== 202) fail(response.status);
    }
    return n;
  },
  async iterate(n) {
    let letters = 0;
    let pageCursor;
    for (let i = 0; i < n; i++) {
      const { body } = await profiles.getProfiles({ pageSize: 100, pageCursor });
      for (const profile of body.data) letters += profile.attributes.email.length;
      pageCursor = body.links.next;
    }
    if (letters === 0) fail("no letters");
    return n;
  },
  async posts(n) {
    let number = 0;
    let good = 0;
    await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
      while (number < n) {
        const { response } = await events.createEvent(event(number++));
        if (response.status === 202) good++;
      }
    }));
    return good;
  },
};
workloads.first = workloads.get;

const memory = (name) => require("fs").readFileSync("/proc/self/status", "utf8").match(`${name}:\\s*(\\d+)`)[1];

async function main() {
  if (!workloads[workload]) return;
  if (["decode", "get", "page", "post"].includes(workload)) await workloads[workload](WARM);
  const before = workload === "first" ? { user: 0, system: 0 } : process.cpuUsage();
  const began = process.hrtime.bigint();
  const good = await workloads[workload](count);
  const { user, system } = process.cpuUsage();
  const cpu = (user + system - before.user - before.system) / 1e6;
  const wall = Number(process.hrtime.bigint() - began) / 1e9;
  console.log(good, cpu.toFixed(6), wall.toFixed(6), memory("VmHWM"), memory("VmRSS"));
}

main();
