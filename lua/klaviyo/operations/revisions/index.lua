--- The revisions that the library knows, the oldest first: the stable ones, and in
--- `betas` the others. tools/revision.lua makes the file of each.

return {
  "2024-10-15",
  "2025-01-15",
  "2025-04-15",
  "2025-07-15",
  "2025-10-15",
  "2026-01-15",
  "2026-04-15",
  "2026-07-15",
  "2026-10-15",  -- what is known of it: there is no document yet

  betas = {"2025-07-15.pre", "2026-01-15.pre", "2026-04-15.pre", "2026-07-15.pre"},

  -- the newest stable revision with an OpenAPI document
  documented = "2026-07-15",
}
