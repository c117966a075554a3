--- The methods of resources for operations that are not CRUD: the name of each
--- method, and the method and path of its operation. If the path has an id, it is
--- the first argument. `client` lists the methods of client.public.

return {
  api = {
    campaigns = {
      send = "POST /api/campaign-send-jobs",
      cancel_send = "PATCH /api/campaign-send-jobs/{id}",
      clone = "POST /api/campaign-clone",
      estimate_recipients = "POST /api/campaign-recipient-estimation-jobs",
      query_values = "POST /api/campaign-values-reports",
    },
    campaign_audiences = {
      clone = "POST /api/campaign-audience-clone",
    },
    campaign_messages = {
      assign_template = "POST /api/campaign-message-assign-template",
      clone = "POST /api/campaign-message-clone",
      schedule = "POST /api/campaign-message-schedule",
      reschedule = "PATCH /api/campaign-message-schedule/{id}",
    },
    customer_agents = {
      query_values = "POST /api/customer-agent-values-reports",
    },
    agent_skills = {
      query_values = "POST /api/customer-agent-skill-values-reports",
    },
    flows = {
      query_values = "POST /api/flow-values-reports",
      query_series = "POST /api/flow-series-reports",
    },
    forms = {
      query_values = "POST /api/form-values-reports",
      query_series = "POST /api/form-series-reports",
    },
    images = {
      upload = "POST /api/image-upload",
    },
    metrics = {
      query = "POST /api/metric-aggregates",
    },
    profiles = {
      upsert = "POST /api/profile-import",
      merge = "POST /api/profile-merge",
      subscribe = "POST /api/profile-subscription-bulk-create-jobs",
      unsubscribe = "POST /api/profile-subscription-bulk-delete-jobs",
      suppress = "POST /api/profile-suppression-bulk-create-jobs",
      unsuppress = "POST /api/profile-suppression-bulk-delete-jobs",
      request_deletion = "POST /api/data-privacy-deletion-jobs",
    },
    segments = {
      query_values = "POST /api/segment-values-reports",
      query_series = "POST /api/segment-series-reports",
    },
    templates = {
      render = "POST /api/template-render",
      clone = "POST /api/template-clone",
    },
  },
  client = {
    events = {
      bulk_create = "POST /client/event-bulk-create",
    },
    push_tokens = {
      unregister = "POST /client/push-token-unregister",
    },
  },
}
