--- What the OpenAPI documents get wrong or leave to prose, by hand. Keep it
-- small: everything here outlives no change of the documents unseen.

return {
  -- The prose of the reduced limits says `include=list`; the parameter's
  -- values are plural.
  reduced_values = {list = "lists", segment = "segments"},

  -- Columns replaced in one operation of one revision.
  operations = {
    ["2024-10-15"] = {
      -- "offset pagination" stands in their prose only; `page[number]` is
      -- declared nowhere.
      get_action_ids_for_flow = {page = "offset"},
      get_messages_for_flow_action = {page = "offset"},
    },
  },
}
