--- Corrections of the OpenAPI documents, and facts that only their descriptions
--- contain. Keep it small: check each entry when the documents change.

return {
  -- The description of the reduced limits has `include=list`; the values of the
  -- parameter are plural.
  reduced_values = {list = "lists", segment = "segments"},

  -- Columns that replace those of one operation in one revision.
  operations = {
    ["2024-10-15"] = {
      -- Only their descriptions mention "offset pagination"; `page[number]` is
      -- not declared.
      get_action_ids_for_flow = {page = "offset"},
      get_messages_for_flow_action = {page = "offset"},
    },
  },
}
