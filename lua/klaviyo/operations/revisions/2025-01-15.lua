-- The API of 2025-01-15: what differs from 2024-10-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return {
  date = "2025-01-15",
  follows = "2024-10-15",
  operations = [=[
create_client_subscription POST /client/subscriptions 202 - limit=100/s,700/m scope=subscriptions:write query=company_id!:string body=&OnsiteSubscriptionCreateQueryResourceObject
create_flow POST /api/flows 201+ flow limit=1/s,15/m,100/d scope=flows:write additional-fields[flow]=definition body=&FlowCreateQueryResourceObject
get_action_ids_for_flow GET /api/flows/{id}/relationships/flow-actions 200+ flow-action[] limit=3/s,60/m scope=flows:read page=cursor:50:1..50 sort=action_type,created,id,status,updated filter=action_type(any,=),created(=,>=,>,<=,<),id(any),status(=),updated(=,>=,>,<=,<) alias=get_flow_relationships_actions,get_flow_relationships_flow_actions
get_bulk_create_categories_job GET /api/catalog-category-bulk-create-jobs/{job_id} 200+ catalog-category-bulk-create-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-create-job,catalog-category include=categories alias=get_catalog_category_bulk_create_job,get_create_categories_job
get_bulk_create_categories_jobs GET /api/catalog-category-bulk-create-jobs 200+ catalog-category-bulk-create-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-create-job filter=status(=) alias=get_catalog_category_bulk_create_jobs,get_create_categories_jobs
get_bulk_create_variants_job GET /api/catalog-variant-bulk-create-jobs/{job_id} 200+ catalog-variant-bulk-create-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-create-job,catalog-variant include=variants alias=get_catalog_variant_bulk_create_job,get_create_variants_job
get_bulk_create_variants_jobs GET /api/catalog-variant-bulk-create-jobs 200+ catalog-variant-bulk-create-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-create-job filter=status(=) alias=get_catalog_variant_bulk_create_jobs,get_create_variants_jobs
get_bulk_delete_categories_job GET /api/catalog-category-bulk-delete-jobs/{job_id} 200+ catalog-category-bulk-delete-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-delete-job alias=get_catalog_category_bulk_delete_job,get_delete_categories_job
get_bulk_delete_categories_jobs GET /api/catalog-category-bulk-delete-jobs 200+ catalog-category-bulk-delete-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-delete-job filter=status(=) alias=get_catalog_category_bulk_delete_jobs,get_delete_categories_jobs
get_bulk_delete_variants_job GET /api/catalog-variant-bulk-delete-jobs/{job_id} 200+ catalog-variant-bulk-delete-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-delete-job alias=get_catalog_variant_bulk_delete_job,get_delete_variants_job
get_bulk_delete_variants_jobs GET /api/catalog-variant-bulk-delete-jobs 200+ catalog-variant-bulk-delete-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-delete-job filter=status(=) alias=get_catalog_variant_bulk_delete_jobs,get_delete_variants_jobs
get_bulk_update_categories_job GET /api/catalog-category-bulk-update-jobs/{job_id} 200+ catalog-category-bulk-update-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-update-job,catalog-category include=categories alias=get_catalog_category_bulk_update_job,get_update_categories_job
get_bulk_update_categories_jobs GET /api/catalog-category-bulk-update-jobs 200+ catalog-category-bulk-update-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-update-job filter=status(=) alias=get_catalog_category_bulk_update_jobs,get_update_categories_jobs
get_bulk_update_variants_job GET /api/catalog-variant-bulk-update-jobs/{job_id} 200+ catalog-variant-bulk-update-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-update-job,catalog-variant include=variants alias=get_catalog_variant_bulk_update_job,get_update_variants_job
get_bulk_update_variants_jobs GET /api/catalog-variant-bulk-update-jobs 200+ catalog-variant-bulk-update-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-update-job filter=status(=) alias=get_catalog_variant_bulk_update_jobs,get_update_variants_jobs
get_campaign_message GET /api/campaign-messages/{id} 200+ campaign-message limit=10/s,150/m scope=campaigns:read fields=campaign-message,campaign,image,template include=campaign,image,template
get_coupon_codes GET /api/coupon-codes 200+ coupon-code[] limit=350/s,3500/m scope=coupon-codes:read page=cursor fields=coupon-code,coupon include=coupon filter!=coupon.id(any,=),expires_at(>=,>,<=,<),profile.id(any,=),status(=)
get_flow GET /api/flows/{id} 200+ flow limit=3/s,60/m scope=flows:read additional-fields[flow]=definition fields=flow-action,flow.2,tag include=flow-actions,tags
get_flow_action_messages GET /api/flow-actions/{id}/flow-messages 200+ flow-message[] limit=3/s,60/m scope=flows:read page=cursor:50:1..50 fields=flow-message sort=created,id,name,updated filter=created(=,>=,>,<=,<),id(any),name(contains,ends-with,=,starts-with),updated(=,>=,>,<=,<) alias=get_messages_for_flow_action
get_image_for_campaign_message GET /api/campaign-messages/{id}/image 200+ image limit=10/s,150/m scope=campaigns:read,images:read fields=image alias=get_campaign_message_image
get_image_id_for_campaign_message GET /api/campaign-messages/{id}/relationships/image 200+ image limit=10/s,150/m scope=campaigns:read,images:read alias=get_campaign_message_relationships_image
get_messages_for_campaign GET /api/campaigns/{id}/campaign-messages 200+ campaign-message[] limit=10/s,150/m scope=campaigns:read fields=campaign-message,campaign,image,template include=campaign,image,template alias=get_campaign_campaign_messages,get_campaign_messages
update_image_for_campaign_message PATCH /api/campaign-messages/{id}/relationships/image 204 - limit=10/s,150/m scope=campaigns:write,images:read alias=update_campaign_message_relationships_image body=&<image id!>
update_review PATCH /api/reviews/{id} 200+ review limit=10/s,150/m scope=reviews:write body=&ReviewPatchQueryResourceObject
get_create_categories_job -
get_create_categories_jobs -
get_create_variants_job -
get_create_variants_jobs -
get_delete_categories_job -
get_delete_categories_jobs -
get_delete_variants_job -
get_delete_variants_jobs -
get_messages_for_flow_action -
get_update_categories_job -
get_update_categories_jobs -
get_update_variants_job -
get_update_variants_jobs -
]=],
  fields = [=[
campaign archived,audiences,audiences.excluded,audiences.included,created_at,name,scheduled_at,send_options,send_options.use_smart_sending,send_strategy,send_strategy.date,send_strategy.datetime,send_strategy.method,send_strategy.options,send_strategy.options.is_local,send_strategy.options.send_past_recipients_immediately,send_strategy.throttle_percentage,send_time,status,tracking_options,tracking_options.add_tracking_params,tracking_options.custom_tracking_params,tracking_options.is_tracking_clicks,tracking_options.is_tracking_opens,updated_at
campaign-message created_at,definition,definition.channel,definition.content,definition.content.bcc_email,definition.content.body,definition.content.cc_email,definition.content.dynamic_image,definition.content.from_email,definition.content.from_label,definition.content.media_url,definition.content.preview_text,definition.content.reply_to_email,definition.content.subject,definition.content.title,definition.kv_pairs,definition.label,definition.notification_type,definition.options,definition.options.badge,definition.options.badge.badge_options,definition.options.badge.badge_options.badge_config,definition.options.badge.badge_options.set_from_property,definition.options.badge.badge_options.value,definition.options.badge.display,definition.options.on_open,definition.options.on_open.android_deep_link,definition.options.on_open.ios_deep_link,definition.options.on_open.type,definition.options.play_sound,definition.render_options,definition.render_options.add_info_link,definition.render_options.add_opt_out_language,definition.render_options.add_org_prefix,definition.render_options.shorten_links,send_times,updated_at
flow.2 archived,created,definition,definition.actions,definition.entry_action_id,definition.profile_filter,definition.profile_filter.condition_groups,definition.triggers,name,status,trigger_type,updated
review author,content,created,email,images,product,product.external_id,product.image_url,product.name,product.url,public_reply,public_reply.author,public_reply.content,public_reply.updated,rating,review_type,smart_quote,status,status.rejection_reason,status.rejection_reason.reason,status.rejection_reason.status_explanation,status.value,title,updated,verified
template amp,created,editor_type,html,name,text,updated
]=],
}
