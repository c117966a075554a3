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

  betas = {},

  -- the newest stable revision with an OpenAPI document
  documented = "2026-07-15",
}
