-- The API of 2024-10-15. Made by tools/catalogue.lua:
-- edit that, not this. The notation: klaviyo/catalogue/notation.lua.
return {
  date = "2024-10-15",
  operations = [=[
add_categories_to_catalog_item POST /api/catalog-items/{id}/relationships/categories 204 - limit=75/s,700/m scope=catalogs:write alias=add_category_to_catalog_item,create_catalog_item_relationships_categories,create_catalog_item_relationships_category body=&[<catalog-category id!>]
add_items_to_catalog_category POST /api/catalog-categories/{id}/relationships/items 204 - limit=75/s,700/m scope=catalogs:write alias=create_catalog_category_relationships_item,create_catalog_category_relationships_items body=&[<catalog-item id!>]
add_profiles_to_list POST /api/lists/{id}/relationships/profiles 204 - limit=10/s,150/m scope=lists:write,profiles:write alias=create_list_relationships,create_list_relationships_profile,create_list_relationships_profiles body=&[<profile id!>]
assign_template_to_campaign_message POST /api/campaign-message-assign-template 201+ campaign-message limit=10/s,150/m scope=campaigns:write alias=create_campaign_message_assign_template body=&CampaignMessageAssignTemplateQueryResourceObject
bulk_create_catalog_categories POST /api/catalog-category-bulk-create-jobs 202+ catalog-category-bulk-create-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_category_bulk_create_job,spawn_create_categories_job body=&CatalogCategoryCreateJobCreateQueryResourceObject
bulk_create_catalog_items POST /api/catalog-item-bulk-create-jobs 202+ catalog-item-bulk-create-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_item_bulk_create_job,spawn_create_items_job body=&CatalogItemCreateJobCreateQueryResourceObject
bulk_create_catalog_variants POST /api/catalog-variant-bulk-create-jobs 202+ catalog-variant-bulk-create-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_variant_bulk_create_job,spawn_create_variants_job body=&CatalogVariantCreateJobCreateQueryResourceObject
bulk_create_client_events POST /client/event-bulk-create 202 - limit=10/s,150/m scope=events:write query=company_id!:string alias=create_client_event_bulk_create body=&EventsBulkCreateQueryResourceObject
bulk_create_coupon_codes POST /api/coupon-code-bulk-create-jobs 202+ coupon-code-bulk-create-job limit=75/s,700/m scope=coupon-codes:write alias=create_coupon_code_bulk_create_job,spawn_coupon_code_bulk_create_job body=&CouponCodeCreateJobCreateQueryResourceObject
bulk_create_events POST /api/event-bulk-create-jobs 202 - limit=10/s,150/m scope=events:write alias=create_event_bulk_create_job body=&EventsBulkCreateJobResourceObject
bulk_delete_catalog_categories POST /api/catalog-category-bulk-delete-jobs 202+ catalog-category-bulk-delete-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_category_bulk_delete_job,spawn_delete_categories_job body=&CatalogCategoryDeleteJobCreateQueryResourceObject
bulk_delete_catalog_items POST /api/catalog-item-bulk-delete-jobs 202+ catalog-item-bulk-delete-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_item_bulk_delete_job,spawn_delete_items_job body=&CatalogItemDeleteJobCreateQueryResourceObject
bulk_delete_catalog_variants POST /api/catalog-variant-bulk-delete-jobs 202+ catalog-variant-bulk-delete-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_variant_bulk_delete_job,spawn_delete_variants_job body=&CatalogVariantDeleteJobCreateQueryResourceObject
bulk_import_profiles POST /api/profile-bulk-import-jobs 202+ profile-bulk-import-job limit=10/s,150/m scope=lists:write,profiles:write alias=create_profile_bulk_import_job,spawn_bulk_profile_import_job body=&ProfileImportJobCreateQueryResourceObject
bulk_subscribe_profiles POST /api/profile-subscription-bulk-create-jobs 202 - limit=75/s,700/m scope=lists:write,profiles:write,subscriptions:write alias=create_profile_subscription_bulk_create_job,subscribe_profiles body=&SubscriptionCreateJobCreateQueryResourceObject
bulk_suppress_profiles POST /api/profile-suppression-bulk-create-jobs 202+ profile-suppression-bulk-create-job limit=75/s,700/m scope=profiles:write,subscriptions:write alias=create_profile_suppression_bulk_create_job,suppress_profiles body=&SuppressionCreateJobCreateQueryResourceObject
bulk_unsubscribe_profiles POST /api/profile-subscription-bulk-delete-jobs 202 - limit=75/s,700/m scope=lists:write,profiles:write,subscriptions:write alias=create_profile_subscription_bulk_delete_job,unsubscribe_profiles body=&SubscriptionDeleteJobCreateQueryResourceObject
bulk_unsuppress_profiles POST /api/profile-suppression-bulk-delete-jobs 202+ profile-suppression-bulk-delete-job limit=75/s,700/m scope=subscriptions:write alias=create_profile_suppression_bulk_delete_job,unsuppress_profiles body=&SuppressionDeleteJobCreateQueryResourceObject
bulk_update_catalog_categories POST /api/catalog-category-bulk-update-jobs 202+ catalog-category-bulk-update-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_category_bulk_update_job,spawn_update_categories_job body=&CatalogCategoryUpdateJobCreateQueryResourceObject
bulk_update_catalog_items POST /api/catalog-item-bulk-update-jobs 202+ catalog-item-bulk-update-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_item_bulk_update_job,spawn_update_items_job body=&CatalogItemUpdateJobCreateQueryResourceObject
bulk_update_catalog_variants POST /api/catalog-variant-bulk-update-jobs 202+ catalog-variant-bulk-update-job limit=75/s,700/m scope=catalogs:write alias=create_catalog_variant_bulk_update_job,spawn_update_variants_job body=&CatalogVariantUpdateJobCreateQueryResourceObject
cancel_campaign_send PATCH /api/campaign-send-jobs/{id} 204 - limit=10/s,150/m scope=campaigns:write alias=update_campaign_send_job body=&CampaignSendJobPartialUpdateQueryResourceObject
clone_template POST /api/template-clone 201+ template limit=10/s,150/m scope=templates:write alias=create_template_clone body=&TemplateCloneQueryResourceObject
create_back_in_stock_subscription POST /api/back-in-stock-subscriptions 202 - limit=350/s,3500/m scope=catalogs:write,profiles:write body=&ServerBISSubscriptionCreateQueryResourceObject
create_campaign POST /api/campaigns 201+ campaign limit=10/s,150/m scope=campaigns:write body=&CampaignCreateQueryResourceObject
create_campaign_clone POST /api/campaign-clone 201+ campaign limit=10/s,150/m scope=campaigns:write alias=clone_campaign body=&CampaignCloneQueryResourceObject
create_catalog_category POST /api/catalog-categories 201+ catalog-category limit=75/s,700/m scope=catalogs:write body=&CatalogCategoryCreateQueryResourceObject
create_catalog_item POST /api/catalog-items 201+ catalog-item limit=75/s,700/m scope=catalogs:write body=&CatalogItemCreateQueryResourceObject
create_catalog_variant POST /api/catalog-variants 201+ catalog-variant limit=75/s,700/m scope=catalogs:write body=&CatalogVariantCreateQueryResourceObject
create_client_back_in_stock_subscription POST /client/back-in-stock-subscriptions 202 - limit=350/s,3500/m scope=catalogs:write,profiles:write query=company_id!:string body=&ClientBISSubscriptionCreateQueryResourceObject
create_client_event POST /client/events 202 - limit=350/s,3500/m scope=events:write query=company_id!:string body=&EventCreateQueryV2ResourceObject
create_client_profile POST /client/profiles 202 - limit=350/s,3500/m scope=profiles:write query=company_id!:string body=&OnsiteProfileCreateQueryResourceObject
create_client_push_token POST /client/push-tokens 202 - limit=3/s,300/m query=company_id!:string body=&PushTokenCreateQueryResourceObject
create_client_subscription POST /client/subscriptions 202 - limit=100/s,700/m scope=subscriptions:write query=company_id!:string body=&OnsiteSubscriptionCreateQueryDeprecatedOct24ResourceObject
create_coupon POST /api/coupons 201+ coupon limit=3/s,60/m scope=coupons:write body=&CouponCreateQueryResourceObject
create_coupon_code POST /api/coupon-codes 200+ coupon-code limit=350/s,3500/m scope=coupon-codes:write body=&CouponCodeCreateQueryResourceObject
create_event POST /api/events 202 - limit=350/s,3500/m scope=events:write body=&EventCreateQueryV2ResourceObject
create_list POST /api/lists 201+ list limit=10/s,150/m,150/d scope=lists:write body=&ListCreateQueryResourceObject
create_or_update_profile POST /api/profile-import 200+,201+ profile limit=75/s,700/m scope=profiles:write additional-fields[profile]=predictive_analytics,subscriptions alias=create_profile_import body=&ProfileUpsertQueryResourceObject
create_profile POST /api/profiles 201+ profile limit=75/s,700/m scope=profiles:write additional-fields[profile]=predictive_analytics,subscriptions body=&ProfileCreateQueryResourceObject
create_push_token POST /api/push-tokens 202 - limit=75/s,700/m scope=profiles:write,push-tokens:write body=&PushTokenCreateQueryResourceObject
create_segment POST /api/segments 201+ segment limit=1/s,15/m,100/d scope=segments:write body=&SegmentCreateQueryResourceObject
create_tag POST /api/tags 201+ tag limit=3/s,60/m scope=tags:read,tags:write body=&TagCreateQueryResourceObject
create_tag_group POST /api/tag-groups 201+ tag-group limit=3/s,60/m scope=tags:read,tags:write body=&TagGroupCreateQueryResourceObject
create_template POST /api/templates 201+ template limit=10/s,150/m scope=templates:write body=&TemplateCreateQueryResourceObject
create_universal_content POST /api/template-universal-content 201+ template-universal-content limit=10/s,150/m scope=templates:write alias=create_template_universal_content body=&UniversalContentCreateQueryResourceObject
create_webhook POST /api/webhooks 201+ webhook limit=1/s,15/m scope=webhooks:write body=&WebhookCreateQueryResourceObject
delete_campaign DELETE /api/campaigns/{id} 204 - limit=10/s,150/m scope=campaigns:write
delete_catalog_category DELETE /api/catalog-categories/{id} 204 - limit=75/s,700/m scope=catalogs:write
delete_catalog_item DELETE /api/catalog-items/{id} 204 - limit=75/s,700/m scope=catalogs:write
delete_catalog_variant DELETE /api/catalog-variants/{id} 204 - limit=75/s,700/m scope=catalogs:write
delete_coupon DELETE /api/coupons/{id} 204 - limit=3/s,60/m scope=coupons:write
delete_coupon_code DELETE /api/coupon-codes/{id} 204 - limit=350/s,3500/m scope=coupon-codes:write
delete_flow DELETE /api/flows/{id} 204 - limit=3/s,60/m scope=flows:write
delete_list DELETE /api/lists/{id} 204 - limit=10/s,150/m scope=lists:write
delete_segment DELETE /api/segments/{id} 204 - limit=3/s,60/m scope=segments:write
delete_tag DELETE /api/tags/{id} 204 - limit=3/s,60/m scope=tags:read,tags:write
delete_tag_group DELETE /api/tag-groups/{id} 200+ tag-group limit=3/s,60/m scope=tags:read,tags:write
delete_template DELETE /api/templates/{id} 204 - limit=10/s,150/m scope=templates:write
delete_universal_content DELETE /api/template-universal-content/{id} 204 - limit=10/s,150/m scope=templates:write alias=delete_template_universal_content
delete_webhook DELETE /api/webhooks/{id} 204 - limit=1/s,15/m scope=webhooks:write
get_account GET /api/accounts/{id} 200+ account limit=1/s,15/m scope=accounts:read fields=account
get_accounts GET /api/accounts 200+ account[] limit=1/s,15/m scope=accounts:read fields=account
get_action_for_flow_message GET /api/flow-messages/{id}/flow-action 200+ flow-action limit=3/s,60/m scope=flows:read fields=flow-action alias=get_flow_message_action
get_action_id_for_flow_message GET /api/flow-messages/{id}/relationships/flow-action 200+ flow-action limit=3/s,60/m scope=flows:read alias=get_flow_message_relationships_action
get_action_ids_for_flow GET /api/flows/{id}/relationships/flow-actions 200+ flow-action[] limit=3/s,60/m scope=flows:read page=offset:50:1..100 sort=created,id,status,updated filter=action_type(=),created(=,>=,>,<=,<),status(=),updated(=,>=,>,<=,<) alias=get_flow_relationships_actions,get_flow_relationships_flow_actions
get_actions_for_flow GET /api/flows/{id}/flow-actions 200+ flow-action[] limit=3/s,60/m scope=flows:read page=cursor:50:1..50 fields=flow-action sort=action_type,created,id,status,updated filter=action_type(any,=),created(=,>=,>,<=,<),id(any),status(=),updated(=,>=,>,<=,<) alias=get_flow_actions,get_flow_flow_actions
get_all_universal_content GET /api/template-universal-content 200+ template-universal-content[] limit=10/s,150/m scope=templates:read page=cursor:20:1..100 fields=template-universal-content sort=created,id,name,updated filter=created(>=,>,<=,<),definition.content_type(=),definition.type(=),id(any,=),name(any,=),updated(>=,>,<=,<) alias=get_template_universal_content
get_bulk_create_catalog_items_job GET /api/catalog-item-bulk-create-jobs/{job_id} 200+ catalog-item-bulk-create-job limit=350/s,3500/m scope=catalogs:read fields=catalog-item-bulk-create-job,catalog-item include=items alias=get_catalog_item_bulk_create_job,get_create_items_job
get_bulk_create_catalog_items_jobs GET /api/catalog-item-bulk-create-jobs 200+ catalog-item-bulk-create-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-item-bulk-create-job filter=status(=) alias=get_catalog_item_bulk_create_jobs,get_create_items_jobs
get_bulk_create_coupon_code_jobs GET /api/coupon-code-bulk-create-jobs 200+ coupon-code-bulk-create-job[] limit=75/s,700/m scope=coupon-codes:read page=cursor fields=coupon-code-bulk-create-job filter=status(=) alias=get_coupon_code_bulk_create_jobs
get_bulk_create_coupon_codes_job GET /api/coupon-code-bulk-create-jobs/{job_id} 200+ coupon-code-bulk-create-job limit=75/s,700/m scope=coupon-codes:read fields=coupon-code-bulk-create-job,coupon-code include=coupon-codes alias=get_coupon_code_bulk_create_job
get_bulk_delete_catalog_items_job GET /api/catalog-item-bulk-delete-jobs/{job_id} 200+ catalog-item-bulk-delete-job limit=350/s,3500/m scope=catalogs:read fields=catalog-item-bulk-delete-job alias=get_catalog_item_bulk_delete_job,get_delete_items_job
get_bulk_delete_catalog_items_jobs GET /api/catalog-item-bulk-delete-jobs 200+ catalog-item-bulk-delete-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-item-bulk-delete-job filter=status(=) alias=get_catalog_item_bulk_delete_jobs,get_delete_items_jobs
get_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{job_id} 200+ profile-bulk-import-job limit=10/s,150/m scope=lists:read,profiles:read fields=list,profile-bulk-import-job include=lists alias=get_bulk_profile_import_job,get_profile_bulk_import_job
get_bulk_import_profiles_jobs GET /api/profile-bulk-import-jobs 200+ profile-bulk-import-job[] limit=10/s,150/m scope=lists:read,profiles:read page=cursor:20:1..100 fields=profile-bulk-import-job sort=created_at filter=status(any,=) alias=get_bulk_profile_import_jobs,get_profile_bulk_import_jobs
get_bulk_suppress_profiles_job GET /api/profile-suppression-bulk-create-jobs/{job_id} 200+ profile-suppression-bulk-create-job limit=75/s,700/m scope=subscriptions:read fields=profile-suppression-bulk-create-job alias=get_profile_suppression_bulk_create_job
get_bulk_suppress_profiles_jobs GET /api/profile-suppression-bulk-create-jobs 200+ profile-suppression-bulk-create-job[] limit=75/s,700/m scope=subscriptions:read page=cursor fields=profile-suppression-bulk-create-job sort=created filter=list_id(=),segment_id(=),status(=) alias=get_profile_suppression_bulk_create_jobs
get_bulk_unsuppress_profiles_job GET /api/profile-suppression-bulk-delete-jobs/{job_id} 200+ profile-suppression-bulk-delete-job limit=75/s,700/m scope=subscriptions:read fields=profile-suppression-bulk-delete-job alias=get_profile_suppression_bulk_delete_job
get_bulk_unsuppress_profiles_jobs GET /api/profile-suppression-bulk-delete-jobs 200+ profile-suppression-bulk-delete-job[] limit=75/s,700/m scope=subscriptions:read page=cursor fields=profile-suppression-bulk-delete-job sort=created filter=list_id(=),segment_id(=),status(=) alias=get_profile_suppression_bulk_delete_jobs
get_bulk_update_catalog_items_job GET /api/catalog-item-bulk-update-jobs/{job_id} 200+ catalog-item-bulk-update-job limit=350/s,3500/m scope=catalogs:read fields=catalog-item-bulk-update-job,catalog-item include=items alias=get_catalog_item_bulk_update_job,get_update_items_job
get_bulk_update_catalog_items_jobs GET /api/catalog-item-bulk-update-jobs 200+ catalog-item-bulk-update-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-item-bulk-update-job filter=status(=) alias=get_catalog_item_bulk_update_jobs,get_update_items_jobs
get_campaign GET /api/campaigns/{id} 200+ campaign limit=10/s,150/m scope=campaigns:read fields=campaign-message,campaign,tag include=campaign-messages,tags
get_campaign_for_campaign_message GET /api/campaign-messages/{id}/campaign 200+ campaign limit=10/s,150/m scope=campaigns:read fields=campaign alias=get_campaign_message_campaign
get_campaign_id_for_campaign_message GET /api/campaign-messages/{id}/relationships/campaign 200+ campaign limit=10/s,150/m scope=campaigns:read alias=get_campaign_message_relationships_campaign
get_campaign_ids_for_tag GET /api/tags/{id}/relationships/campaigns 200+ campaign[] limit=3/s,60/m scope=campaigns:read,tags:read alias=get_tag_relationships_campaigns
get_campaign_message GET /api/campaign-messages/{id} 200+ campaign-message limit=10/s,150/m scope=campaigns:read fields=campaign-message,campaign,template include=campaign,template
get_campaign_recipient_estimation GET /api/campaign-recipient-estimations/{id} 200+ campaign-recipient-estimation limit=10/s,150/m scope=campaigns:read fields=campaign-recipient-estimation
get_campaign_recipient_estimation_job GET /api/campaign-recipient-estimation-jobs/{id} 200+ campaign-recipient-estimation-job limit=10/s,150/m scope=campaigns:read fields=campaign-recipient-estimation-job
get_campaign_send_job GET /api/campaign-send-jobs/{id} 200+ campaign-send-job limit=10/s,150/m scope=campaigns:read fields=campaign-send-job
get_campaigns GET /api/campaigns 200+ campaign[] limit=10/s,150/m scope=campaigns:read page=cursor fields=campaign-message,campaign,tag include=campaign-messages,tags sort=created_at,id,name,scheduled_at,updated_at filter!=archived(=),created_at(>=,>,<=,<),messages.channel(=),name(contains),scheduled_at(>=,>,<=,<),status(any,=),updated_at(>=,>,<=,<)
get_catalog_categories GET /api/catalog-categories 200+ catalog-category[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category sort=created filter=ids(any),item.id(=),name(contains)
get_catalog_category GET /api/catalog-categories/{id} 200+ catalog-category limit=350/s,3500/m scope=catalogs:read fields=catalog-category
get_catalog_item GET /api/catalog-items/{id} 200+ catalog-item limit=350/s,3500/m scope=catalogs:read fields=catalog-item,catalog-variant include=variants
get_catalog_items GET /api/catalog-items 200+ catalog-item[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-item,catalog-variant include=variants sort=created filter=category.id(=),ids(any),published(=),title(contains)
get_catalog_variant GET /api/catalog-variants/{id} 200+ catalog-variant limit=350/s,3500/m scope=catalogs:read fields=catalog-variant
get_catalog_variants GET /api/catalog-variants 200+ catalog-variant[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant sort=created filter=ids(any),item.id(=),published(=),sku(=),title(contains)
get_categories_for_catalog_item GET /api/catalog-items/{id}/categories 200+ catalog-category[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category sort=created filter=ids(any),item.id(=),name(contains) alias=get_catalog_item_categories
get_category_ids_for_catalog_item GET /api/catalog-items/{id}/relationships/categories 200+ catalog-category[] limit=350/s,3500/m scope=catalogs:read page=cursor sort=created filter=ids(any),item.id(=),name(contains) alias=get_catalog_item_relationships_categories
get_coupon GET /api/coupons/{id} 200+ coupon limit=75/s,700/m scope=coupons:read fields=coupon
get_coupon_code GET /api/coupon-codes/{id} 200+ coupon-code limit=350/s,3500/m scope=coupon-codes:read fields=coupon-code,coupon include=coupon
get_coupon_code_ids_for_coupon GET /api/coupons/{id}/relationships/coupon-codes 200+ coupon-code[] limit=75/s,700/m scope=coupon-codes:read page=cursor filter=coupon.id(any,=),expires_at(>=,>,<=,<),profile.id(any,=),status(=) alias=get_code_ids_for_coupon,get_coupon_code_relationships_coupon,get_coupon_relationships_codes
get_coupon_codes GET /api/coupon-codes 200+ coupon-code[] limit=350/s,3500/m scope=coupon-codes:read page=cursor fields=coupon-code,coupon include=coupon filter=coupon.id(any,=),expires_at(>=,>,<=,<),profile.id(any,=),status(=)
get_coupon_codes_for_coupon GET /api/coupons/{id}/coupon-codes 200+ coupon-code[] limit=75/s,700/m scope=coupon-codes:read page=cursor fields=coupon-code filter=coupon.id(any,=),expires_at(>=,>,<=,<),profile.id(any,=),status(=) alias=get_codes_for_coupon,get_coupon_coupon_codes
get_coupon_for_coupon_code GET /api/coupon-codes/{id}/coupon 200+ coupon limit=75/s,700/m scope=coupons:read fields=coupon alias=get_coupon_code_coupon
get_coupon_id_for_coupon_code GET /api/coupon-codes/{id}/relationships/coupon 200+ coupon limit=75/s,700/m scope=coupons:read alias=get_coupon_relationships_coupon_codes
get_coupons GET /api/coupons 200+ coupon[] limit=75/s,700/m scope=coupons:read page=cursor fields=coupon
get_create_categories_job GET /api/catalog-category-bulk-create-jobs/{job_id} 200+ catalog-category-bulk-create-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-create-job,catalog-category include=categories alias=get_catalog_category_bulk_create_job
get_create_categories_jobs GET /api/catalog-category-bulk-create-jobs 200+ catalog-category-bulk-create-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-create-job filter=status(=) alias=get_catalog_category_bulk_create_jobs
get_create_variants_job GET /api/catalog-variant-bulk-create-jobs/{job_id} 200+ catalog-variant-bulk-create-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-create-job,catalog-variant include=variants alias=get_catalog_variant_bulk_create_job
get_create_variants_jobs GET /api/catalog-variant-bulk-create-jobs 200+ catalog-variant-bulk-create-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-create-job filter=status(=) alias=get_catalog_variant_bulk_create_jobs
get_delete_categories_job GET /api/catalog-category-bulk-delete-jobs/{job_id} 200+ catalog-category-bulk-delete-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-delete-job alias=get_catalog_category_bulk_delete_job
get_delete_categories_jobs GET /api/catalog-category-bulk-delete-jobs 200+ catalog-category-bulk-delete-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-delete-job filter=status(=) alias=get_catalog_category_bulk_delete_jobs
get_delete_variants_job GET /api/catalog-variant-bulk-delete-jobs/{job_id} 200+ catalog-variant-bulk-delete-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-delete-job alias=get_catalog_variant_bulk_delete_job
get_delete_variants_jobs GET /api/catalog-variant-bulk-delete-jobs 200+ catalog-variant-bulk-delete-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-delete-job filter=status(=) alias=get_catalog_variant_bulk_delete_jobs
get_errors_for_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id}/import-errors 200+ import-error[] limit=10/s,150/m scope=profiles:read page=cursor:20:1..100 fields=import-error alias=get_bulk_profile_import_job_import_errors,get_import_errors_for_profile_bulk_import_job,get_profile_bulk_import_job_import_errors
get_event GET /api/events/{id} 200+ event limit=10/s,150/m scope=events:read fields=event,metric,profile.3 include=attributions,metric,profile
get_events GET /api/events 200+ event[] limit=350/s,3500/m scope=events:read page=cursor fields=event,metric,profile.3 include=attributions,metric,profile sort=datetime,timestamp filter=datetime(>=,>,<=,<),metric_id(=),profile(has),profile_id(=),timestamp(>=,>,<=,<)
get_flow GET /api/flows/{id} 200+ flow limit=3/s,60/m scope=flows:read fields=flow-action,flow,tag include=flow-actions,tags
get_flow_action GET /api/flow-actions/{id} 200+ flow-action limit=3/s,60/m scope=flows:read fields=flow-action,flow-message,flow include=flow,flow-messages
get_flow_for_flow_action GET /api/flow-actions/{id}/flow 200+ flow limit=3/s,60/m scope=flows:read fields=flow alias=get_flow_action_flow
get_flow_id_for_flow_action GET /api/flow-actions/{id}/relationships/flow 200+ flow limit=3/s,60/m scope=flows:read alias=get_flow_action_relationships_flow
get_flow_ids_for_tag GET /api/tags/{id}/relationships/flows 200+ flow[] limit=3/s,60/m scope=flows:read,tags:read alias=get_tag_relationships_flows
get_flow_message GET /api/flow-messages/{id} 200+ flow-message limit=3/s,60/m scope=flows:read fields=flow-action,flow-message,template include=flow-action,template
get_flows GET /api/flows 200+ flow[] limit=3/s,60/m scope=flows:read page=cursor:50:1..50 fields=flow-action,flow,tag include=flow-actions,tags sort=created,id,name,status,trigger_type,updated filter=archived(=),created(=,>=,>,<=,<),id(any),name(contains,ends-with,=,starts-with),status(=),trigger_type(=),updated(=,>=,>,<=,<)
get_flows_triggered_by_list GET /api/lists/{id}/flow-triggers 200+ flow[] limit=3/s,60/m scope=flows:read,lists:read fields=flow alias=get_flow_triggers_for_list,get_list_flow_triggers
get_flows_triggered_by_metric GET /api/metrics/{id}/flow-triggers 200+ flow[] limit=10/s,150/m scope=flows:read,metrics:read fields=flow alias=get_flow_triggers_for_metric,get_metric_flow_triggers
get_flows_triggered_by_segment GET /api/segments/{id}/flow-triggers 200+ flow[] limit=3/s,60/m scope=flows:read,segments:read fields=flow alias=get_flow_triggers_for_segment,get_segment_flow_triggers
get_form GET /api/forms/{id} 200+ form limit=3/s,60/m scope=forms:read fields=form-version,form include=form-versions
get_form_for_form_version GET /api/form-versions/{id}/form 200+ form limit=3/s,60/m scope=forms:read fields=form alias=get_form_version_form
get_form_id_for_form_version GET /api/form-versions/{id}/relationships/form 200+ form limit=3/s,60/m scope=forms:read alias=get_form_version_relationships_form
get_form_version GET /api/form-versions/{id} 200+ form-version limit=3/s,60/m scope=forms:read fields=form-version
get_forms GET /api/forms 200+ form[] limit=3/s,60/m scope=forms:read page=cursor:20:1..100 fields=form sort=created_at,updated_at filter=ab_test(=),created_at(>=,>,<=,<),id(any,=),name(any,contains,=),status(=),updated_at(>=,>,<=,<)
get_ids_for_flows_triggered_by_list GET /api/lists/{id}/relationships/flow-triggers 200+ flow[] limit=3/s,60/m scope=flows:read,lists:read alias=get_flow_trigger_ids_for_list,get_list_relationships_flow_triggers
get_ids_for_flows_triggered_by_metric GET /api/metrics/{id}/relationships/flow-triggers 200+ flow[] limit=10/s,150/m scope=flows:read,metrics:read alias=get_flow_trigger_ids_for_metric,get_metric_relationships_flow_triggers
get_ids_for_flows_triggered_by_segment GET /api/segments/{id}/relationships/flow-triggers 200+ flow[] limit=3/s,60/m scope=flows:read,segments:read alias=get_flow_trigger_ids_for_segment,get_segment_relationships_flow_triggers
get_image GET /api/images/{id} 200+ image limit=10/s,150/m scope=images:read fields=image
get_images GET /api/images 200+ image[] limit=10/s,150/m scope=images:read page=cursor:20:1..100 fields=image sort=format,id,name,size,updated_at filter=format(any,=),hidden(any,=),id(any,=),name(any,contains,ends-with,=,starts-with),size(>=,>,<=,<),updated_at(>=,>,<=,<)
get_item_ids_for_catalog_category GET /api/catalog-categories/{id}/relationships/items 200+ catalog-item[] limit=350/s,3500/m scope=catalogs:read page=cursor sort=created filter=category.id(=),ids(any),published(=),title(contains) alias=get_catalog_category_relationships_items
get_items_for_catalog_category GET /api/catalog-categories/{id}/items 200+ catalog-item[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-item,catalog-variant include=variants sort=created filter=category.id(=),ids(any),published(=),title(contains) alias=get_catalog_category_items
get_list GET /api/lists/{id} 200+ list limit=75/s,700/m reduced=additional-fields[list]:profile_count:1/s,15/m scope=lists:read additional-fields[list]=profile_count fields=flow,list.2,tag include=flow-triggers,tags
get_list_for_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id}/lists 200+ list[] limit=10/s,150/m scope=lists:read fields=list alias=get_bulk_profile_import_job_lists,get_lists_for_profile_bulk_import_job,get_profile_bulk_import_job_lists
get_list_ids_for_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id}/relationships/lists 200+ list[] limit=10/s,150/m scope=lists:read alias=get_bulk_profile_import_job_relationships_lists,get_list_ids_for_profile_bulk_import_job,get_profile_bulk_import_job_relationships_lists
get_list_ids_for_profile GET /api/profiles/{id}/relationships/lists 200+ list[] limit=3/s,60/m scope=lists:read,profiles:read alias=get_profile_relationships_lists
get_list_ids_for_tag GET /api/tags/{id}/relationships/lists 200+ list[] limit=3/s,60/m scope=lists:read,tags:read alias=get_tag_relationships_lists
get_lists GET /api/lists 200+ list[] limit=75/s,700/m scope=lists:read page=cursor fields=flow,list,tag include=flow-triggers,tags sort=created,id,name,updated filter=created(>),id(any,=),name(any,=),updated(>)
get_lists_for_profile GET /api/profiles/{id}/lists 200+ list[] limit=3/s,60/m scope=lists:read,profiles:read fields=list alias=get_profile_lists
get_message_ids_for_campaign GET /api/campaigns/{id}/relationships/campaign-messages 200+ campaign-message[] limit=10/s,150/m scope=campaigns:read alias=get_campaign_relationships_campaign_messages,get_campaign_relationships_messages
get_message_ids_for_flow_action GET /api/flow-actions/{id}/relationships/flow-messages 200+ flow-message[] limit=3/s,60/m scope=flows:read page=cursor:50:1..50 sort=created,id,name,updated filter=created(=,>=,>,<=,<),name(contains,ends-with,=,starts-with),updated(=,>=,>,<=,<) alias=get_flow_action_relationships_messages
get_messages_for_campaign GET /api/campaigns/{id}/campaign-messages 200+ campaign-message[] limit=10/s,150/m scope=campaigns:read fields=campaign-message,campaign,template include=campaign,template alias=get_campaign_campaign_messages,get_campaign_messages
get_messages_for_flow_action GET /api/flow-actions/{id}/flow-messages 200+ flow-message[] limit=3/s,60/m scope=flows:read page=offset:50:1..100 fields=flow-message sort=created,id,name,updated filter=created(=,>=,>,<=,<),id(any),name(contains,ends-with,=,starts-with),updated(=,>=,>,<=,<) alias=get_flow_action_messages
get_metric GET /api/metrics/{id} 200+ metric limit=10/s,150/m scope=metrics:read fields=flow,metric include=flow-triggers
get_metric_for_event GET /api/events/{id}/metric 200+ metric limit=350/s,3500/m scope=events:read,metrics:read fields=metric alias=get_event_metric
get_metric_for_metric_property GET /api/metric-properties/{id}/metric 200+ metric limit=1/s,15/m scope=metrics:read fields=metric alias=get_metric_property_metric
get_metric_id_for_event GET /api/events/{id}/relationships/metric 200+ metric limit=350/s,3500/m scope=events:read,metrics:read alias=get_event_relationships_metric
get_metric_id_for_metric_property GET /api/metric-properties/{id}/relationships/metric 200+ metric limit=1/s,15/m scope=metrics:read alias=get_metric_property_relationships_metric
get_metric_property GET /api/metric-properties/{id} 200+ metric-property limit=1/s,15/m scope=metrics:read additional-fields[metric-property]=sample_values fields=metric-property,metric include=metric
get_metrics GET /api/metrics 200+ metric[] limit=10/s,150/m scope=metrics:read page=cursor fields=flow,metric include=flow-triggers filter=integration.category(=),integration.name(=)
get_profile GET /api/profiles/{id} 200+ profile limit=75/s,700/m reduced=include:lists:1/s,15/m;include:segments:1/s,15/m scope=profiles:read additional-fields[profile]=predictive_analytics,subscriptions fields=list,profile,segment include=lists,segments
get_profile_for_event GET /api/events/{id}/profile 200+ profile limit=350/s,3500/m scope=events:read,profiles:read additional-fields[profile]=predictive_analytics,subscriptions fields=profile alias=get_event_profile
get_profile_id_for_event GET /api/events/{id}/relationships/profile 200+ profile limit=350/s,3500/m scope=events:read,profiles:read alias=get_event_relationships_profile
get_profile_ids_for_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id}/relationships/profiles 200+ profile[] limit=10/s,150/m scope=profiles:read page=cursor:20:1..100 alias=get_bulk_profile_import_job_relationships_profiles,get_profile_bulk_import_job_relationships_profiles,get_profile_ids_for_profile_bulk_import_job
get_profile_ids_for_list GET /api/lists/{id}/relationships/profiles 200+ profile[] limit=75/s,700/m scope=lists:read,profiles:read page=cursor:20:1..100 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),push_token(any,=) alias=get_list_relationships_profiles
get_profile_ids_for_segment GET /api/segments/{id}/relationships/profiles 200+ profile[] limit=75/s,700/m scope=profiles:read,segments:read page=cursor:20:1..100 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),push_token(any,=) alias=get_segment_relationships_profiles
get_profiles GET /api/profiles 200+ profile[] limit=75/s,700/m reduced=additional-fields[profile]:predictive_analytics:10/s,150/m scope=profiles:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=profile sort=created,email,id,subscriptions.email.marketing.list_suppressions.timestamp,subscriptions.email.marketing.suppression.timestamp,updated filter=_kx(=),created(>,<),email(any,=),external_id(any,=),id(any,=),phone_number(any,=),subscriptions.email.marketing.list_suppressions.list_id(=),subscriptions.email.marketing.list_suppressions.reason(=),subscriptions.email.marketing.list_suppressions.timestamp(>=,>,<=,<),subscriptions.email.marketing.suppression.reason(=),subscriptions.email.marketing.suppression.timestamp(>=,>,<=,<),updated(>,<)
get_profiles_for_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{id}/profiles 200+ profile[] limit=10/s,150/m scope=profiles:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=profile alias=get_bulk_profile_import_job_profiles,get_profile_bulk_import_job_profiles,get_profiles_for_profile_bulk_import_job
get_profiles_for_list GET /api/lists/{id}/profiles 200+ profile[] limit=75/s,700/m reduced=additional-fields[profile]:predictive_analytics:10/s,150/m scope=lists:read,profiles:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=profile.2 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),push_token(any,=) alias=get_list_profiles
get_profiles_for_segment GET /api/segments/{id}/profiles 200+ profile[] limit=75/s,700/m scope=profiles:read,segments:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=profile.2 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),push_token(any,=) alias=get_segment_profiles
get_properties_for_metric GET /api/metrics/{id}/metric-properties 200+ metric-property[] limit=1/s,15/m scope=metrics:read additional-fields[metric-property]=sample_values fields=metric-property alias=get_metric_metric_properties,get_metric_properties
get_property_ids_for_metric GET /api/metrics/{id}/relationships/metric-properties 200+ metric-property[] limit=1/s,15/m scope=metrics:read alias=get_metric_relationships_metric_properties,get_metric_relationships_properties
get_review GET /api/reviews/{id} 200+ review limit=10/s,150/m scope=reviews:read fields=event,review include=events
get_reviews GET /api/reviews 200+ review[] limit=10/s,150/m scope=reviews:read page=cursor:20:1..100 fields=event,review include=events sort=created,rating,updated filter=content(contains),created(>=,<=),id(any,=),item.id(any,=),rating(any,=,>=,<=),review_type(=),status(=),verified(=)
get_segment GET /api/segments/{id} 200+ segment limit=75/s,700/m reduced=additional-fields[segment]:profile_count:1/s,15/m scope=segments:read additional-fields[segment]=profile_count fields=flow,segment.2,tag include=flow-triggers,tags
get_segment_ids_for_profile GET /api/profiles/{id}/relationships/segments 200+ segment[] limit=3/s,60/m scope=profiles:read,segments:read alias=get_profile_relationships_segments
get_segment_ids_for_tag GET /api/tags/{id}/relationships/segments 200+ segment[] limit=3/s,60/m scope=segments:read,tags:read alias=get_tag_relationships_segments
get_segments GET /api/segments 200+ segment[] limit=75/s,700/m scope=segments:read page=cursor fields=flow,segment,tag include=flow-triggers,tags sort=created,id,name,updated filter=created(>),id(any,=),is_active(any,=),is_starred(=),name(any,=),updated(>)
get_segments_for_profile GET /api/profiles/{id}/segments 200+ segment[] limit=3/s,60/m scope=profiles:read,segments:read fields=segment alias=get_profile_segments
get_tag GET /api/tags/{id} 200+ tag limit=3/s,60/m scope=tags:read fields=tag-group,tag include=tag-group
get_tag_group GET /api/tag-groups/{id} 200+ tag-group limit=3/s,60/m scope=tags:read fields=tag-group
get_tag_group_for_tag GET /api/tags/{id}/tag-group 200+ tag-group limit=3/s,60/m scope=tags:read fields=tag-group alias=get_group_for_tag,get_tag_tag_group
get_tag_group_id_for_tag GET /api/tags/{id}/relationships/tag-group 200+ tag-group limit=3/s,60/m scope=tags:read alias=get_group_id_for_tag,get_tag_relationships_group,get_tag_relationships_tag_group
get_tag_groups GET /api/tag-groups 200+ tag-group[] limit=3/s,60/m scope=tags:read page=cursor fields=tag-group sort=id,name filter=default(=),exclusive(=),name(contains,ends-with,=,starts-with)
get_tag_ids_for_campaign GET /api/campaigns/{id}/relationships/tags 200+ tag[] limit=3/s,60/m scope=campaigns:read,tags:read alias=get_campaign_relationships_tags
get_tag_ids_for_flow GET /api/flows/{id}/relationships/tags 200+ tag[] limit=3/s,60/m scope=flows:read,tags:read alias=get_flow_relationships_tags
get_tag_ids_for_list GET /api/lists/{id}/relationships/tags 200+ tag[] limit=3/s,60/m scope=lists:read,tags:read alias=get_list_relationships_tags
get_tag_ids_for_segment GET /api/segments/{id}/relationships/tags 200+ tag[] limit=3/s,60/m scope=segments:read,tags:read alias=get_segment_relationships_tags
get_tag_ids_for_tag_group GET /api/tag-groups/{id}/relationships/tags 200+ tag[] limit=3/s,60/m scope=tags:read alias=get_tag_group_relationships_tags
get_tags GET /api/tags 200+ tag[] limit=3/s,60/m scope=tags:read page=cursor fields=tag-group,tag include=tag-group sort=id,name filter=name(contains,ends-with,=,starts-with)
get_tags_for_campaign GET /api/campaigns/{id}/tags 200+ tag[] limit=3/s,60/m scope=campaigns:read,tags:read fields=tag alias=get_campaign_tags
get_tags_for_flow GET /api/flows/{id}/tags 200+ tag[] limit=3/s,60/m scope=flows:read,tags:read fields=tag alias=get_flow_tags
get_tags_for_list GET /api/lists/{id}/tags 200+ tag[] limit=3/s,60/m scope=lists:read,tags:read fields=tag alias=get_list_tags
get_tags_for_segment GET /api/segments/{id}/tags 200+ tag[] limit=3/s,60/m scope=segments:read,tags:read fields=tag alias=get_segment_tags
get_tags_for_tag_group GET /api/tag-groups/{id}/tags 200+ tag[] limit=3/s,60/m scope=tags:read fields=tag alias=get_tag_group_tags
get_template GET /api/templates/{id} 200+ template limit=10/s,150/m scope=templates:read fields=template
get_template_for_campaign_message GET /api/campaign-messages/{id}/template 200+ template limit=10/s,150/m scope=campaigns:read,templates:read fields=template alias=get_campaign_message_template
get_template_for_flow_message GET /api/flow-messages/{id}/template 200+ template limit=3/s,60/m scope=templates:read fields=template alias=get_flow_message_template
get_template_id_for_campaign_message GET /api/campaign-messages/{id}/relationships/template 200+ template limit=10/s,150/m scope=campaigns:read,templates:read alias=get_campaign_message_relationships_template
get_template_id_for_flow_message GET /api/flow-messages/{id}/relationships/template 200+ template limit=3/s,60/m scope=templates:read alias=get_flow_message_relationships_template
get_templates GET /api/templates 200+ template[] limit=10/s,150/m scope=templates:read page=cursor fields=template sort=created,id,name,updated filter=created(=,>=,>,<=,<),id(any,=),name(any,=),updated(=,>=,>,<=,<)
get_tracking_setting GET /api/tracking-settings/{id} 200+ tracking-setting limit=10/s,150/m scope=tracking-settings:read fields=tracking-setting
get_tracking_settings GET /api/tracking-settings 200+ tracking-setting[] limit=10/s,150/m scope=tracking-settings:read page=cursor:1:1..1 fields=tracking-setting
get_universal_content GET /api/template-universal-content/{id} 200+ template-universal-content limit=10/s,150/m scope=templates:read fields=template-universal-content
get_update_categories_job GET /api/catalog-category-bulk-update-jobs/{job_id} 200+ catalog-category-bulk-update-job limit=350/s,3500/m scope=catalogs:read fields=catalog-category-bulk-update-job,catalog-category include=categories alias=get_catalog_category_bulk_update_job
get_update_categories_jobs GET /api/catalog-category-bulk-update-jobs 200+ catalog-category-bulk-update-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-category-bulk-update-job filter=status(=) alias=get_catalog_category_bulk_update_jobs
get_update_variants_job GET /api/catalog-variant-bulk-update-jobs/{job_id} 200+ catalog-variant-bulk-update-job limit=350/s,3500/m scope=catalogs:read fields=catalog-variant-bulk-update-job,catalog-variant include=variants alias=get_catalog_variant_bulk_update_job
get_update_variants_jobs GET /api/catalog-variant-bulk-update-jobs 200+ catalog-variant-bulk-update-job[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant-bulk-update-job filter=status(=) alias=get_catalog_variant_bulk_update_jobs
get_variant_ids_for_catalog_item GET /api/catalog-items/{id}/relationships/variants 200+ catalog-variant[] limit=350/s,3500/m scope=catalogs:read page=cursor sort=created filter=ids(any),item.id(=),published(=),sku(=),title(contains) alias=get_catalog_item_relationships_variants
get_variants_for_catalog_item GET /api/catalog-items/{id}/variants 200+ catalog-variant[] limit=350/s,3500/m scope=catalogs:read page=cursor fields=catalog-variant sort=created filter=ids(any),item.id(=),published(=),sku(=),title(contains) alias=get_catalog_item_variants
get_version_ids_for_form GET /api/forms/{id}/relationships/form-versions 200+ form-version[] limit=3/s,60/m scope=forms:read page=cursor:20:1..100 sort=created_at,updated_at filter=created_at(>=,>,<=,<),form_type(any,=),status(=),updated_at(>=,>,<=,<) alias=get_form_relationships_form_versions,get_form_relationships_versions
get_versions_for_form GET /api/forms/{id}/form-versions 200+ form-version[] limit=3/s,60/m scope=forms:read page=cursor:20:1..100 fields=form-version sort=created_at,updated_at filter=created_at(>=,>,<=,<),form_type(any,=),status(=),updated_at(>=,>,<=,<) alias=get_form_form_versions,get_form_versions
get_webhook GET /api/webhooks/{id} 200+ webhook limit=1/s,15/m scope=webhooks:read fields=webhook include=webhook-topics
get_webhook_topic GET /api/webhook-topics/{id} 200+ webhook-topic limit=1/s,15/m scope=webhooks:read
get_webhook_topics GET /api/webhook-topics 200+ webhook-topic[] limit=1/s,15/m scope=webhooks:read
get_webhooks GET /api/webhooks 200+ webhook[] limit=1/s,15/m scope=webhooks:read fields=webhook include=webhook-topics
merge_profiles POST /api/profile-merge 201+ profile limit=10/s,150/m scope=profiles:write alias=create_profile_merge body=&ProfileMergeQueryResourceObject
query_campaign_values POST /api/campaign-values-reports 200+ campaign-values-report limit=1/s,2/m,225/d scope=campaigns:read page=page_cursor alias=create_campaign_value_report,create_campaign_values_report body=&CampaignValuesRequestDTOResourceObject
query_flow_series POST /api/flow-series-reports 200+ flow-series-report limit=1/s,2/m,225/d scope=flows:read page=page_cursor alias=create_flow_series_report,create_flow_sery_report body=&FlowSeriesRequestDTOResourceObject
query_flow_values POST /api/flow-values-reports 200+ flow-values-report limit=1/s,2/m,225/d scope=flows:read page=page_cursor alias=create_flow_value_report,create_flow_values_report body=&FlowValuesRequestDTOResourceObject
query_form_series POST /api/form-series-reports 200+ form-series-report limit=1/s,2/m,225/d scope=forms:read alias=create_form_series_report,create_form_sery_report body=&FormSeriesRequestDTOResourceObject
query_form_values POST /api/form-values-reports 200+ form-values-report limit=1/s,2/m,225/d scope=forms:read alias=create_form_value_report,create_form_values_report body=&FormValuesRequestDTOResourceObject
query_metric_aggregates POST /api/metric-aggregates 200+ metric-aggregate limit=3/s,60/m scope=metrics:read page=body alias=create_metric_aggregate body=&MetricAggregateQueryResourceObject
query_segment_series POST /api/segment-series-reports 200+ segment-series-report limit=1/s,2/m,225/d scope=segments:read alias=create_segment_series_report,create_segment_sery_report body=&SegmentSeriesRequestDTOResourceObject
query_segment_values POST /api/segment-values-reports 200+ segment-values-report limit=1/s,2/m,225/d scope=segments:read alias=create_segment_value_report,create_segment_values_report body=&SegmentValuesRequestDTOResourceObject
refresh_campaign_recipient_estimation POST /api/campaign-recipient-estimation-jobs 202+ campaign-recipient-estimation-job limit=10/s,150/m scope=campaigns:write alias=create_campaign_recipient_estimation_job body=&CampaignRecipientEstimationJobCreateQueryResourceObject
remove_categories_from_catalog_item DELETE /api/catalog-items/{id}/relationships/categories 204 - limit=75/s,700/m scope=catalogs:write alias=delete_catalog_item_relationships_categories body=&[<catalog-category id!>]
remove_items_from_catalog_category DELETE /api/catalog-categories/{id}/relationships/items 204 - limit=75/s,700/m scope=catalogs:write alias=delete_catalog_category_relationships_items body=&[<catalog-item id!>]
remove_profiles_from_list DELETE /api/lists/{id}/relationships/profiles 204 - limit=10/s,150/m scope=lists:write,profiles:write alias=delete_list_relationships,delete_list_relationships_profiles body=&[<profile id!>]
remove_tag_from_campaigns DELETE /api/tags/{id}/relationships/campaigns 204 - limit=3/s,60/m scope=campaigns:write,tags:write alias=delete_tag_relationships_campaigns,remove_campaigns_from_tag body=&[<campaign id!>]
remove_tag_from_flows DELETE /api/tags/{id}/relationships/flows 204 - limit=3/s,60/m scope=flows:write,tags:write alias=delete_tag_relationships_flows,remove_flows_from_tag body=&[<flow id!>]
remove_tag_from_lists DELETE /api/tags/{id}/relationships/lists 204 - limit=3/s,60/m scope=lists:write,tags:write alias=delete_tag_relationships_lists,remove_lists_from_tag body=&[<list id!>]
remove_tag_from_segments DELETE /api/tags/{id}/relationships/segments 204 - limit=3/s,60/m scope=segments:write,tags:write alias=delete_tag_relationships_segments,remove_segments_from_tag body=&[<segment id!>]
render_template POST /api/template-render 201+ template limit=3/s,60/m scope=templates:read alias=create_template_render body=&TemplateRenderQueryResourceObject
request_profile_deletion POST /api/data-privacy-deletion-jobs 202 - limit=3/s,60/m scope=data-privacy:write alias=create_data_privacy_deletion_job body=&DataPrivacyCreateDeletionJobQueryResourceObject
send_campaign POST /api/campaign-send-jobs 202+ campaign-send-job limit=10/s,150/m scope=campaigns:write alias=create_campaign_send_job body=&CampaignSendJobCreateQueryResourceObject
tag_campaigns POST /api/tags/{id}/relationships/campaigns 204 - limit=3/s,60/m scope=campaigns:write,tags:write alias=add_campaigns_to_tag,create_tag_relationships_campaign,create_tag_relationships_campaigns body=&[<campaign id!>]
tag_flows POST /api/tags/{id}/relationships/flows 204 - limit=3/s,60/m scope=flows:write,tags:write alias=add_flows_to_tag,create_tag_relationships_flow,create_tag_relationships_flows body=&[<flow id!>]
tag_lists POST /api/tags/{id}/relationships/lists 204 - limit=3/s,60/m scope=lists:write,tags:write alias=add_lists_to_tag,create_tag_relationships_list,create_tag_relationships_lists body=&[<list id!>]
tag_segments POST /api/tags/{id}/relationships/segments 204 - limit=3/s,60/m scope=segments:write,tags:write alias=add_segments_to_tag,create_tag_relationships_segment,create_tag_relationships_segments body=&[<segment id!>]
unregister_client_push_token POST /client/push-token-unregister 202 - limit=3/s,60/m query=company_id!:string alias=create_client_push_token_unregister body=&PushTokenUnregisterQueryResourceObject
update_campaign PATCH /api/campaigns/{id} 200+ campaign limit=10/s,150/m scope=campaigns:write body=&CampaignPartialUpdateQueryResourceObject
update_campaign_message PATCH /api/campaign-messages/{id} 200+ campaign-message limit=10/s,150/m scope=campaigns:write body=&CampaignMessagePartialUpdateQueryResourceObject
update_catalog_category PATCH /api/catalog-categories/{id} 200+ catalog-category limit=75/s,700/m scope=catalogs:write body=&CatalogCategoryUpdateQueryResourceObject
update_catalog_item PATCH /api/catalog-items/{id} 200+ catalog-item limit=75/s,700/m scope=catalogs:write body=&CatalogItemUpdateQueryResourceObject
update_catalog_variant PATCH /api/catalog-variants/{id} 200+ catalog-variant limit=75/s,700/m scope=catalogs:write body=&CatalogVariantUpdateQueryResourceObject
update_categories_for_catalog_item PATCH /api/catalog-items/{id}/relationships/categories 204 - limit=75/s,700/m scope=catalogs:write alias=update_catalog_item_relationships_categories body=&[<catalog-category id!>]
update_coupon PATCH /api/coupons/{id} 200+ coupon limit=3/s,60/m scope=coupons:write body=&CouponUpdateQueryResourceObject
update_coupon_code PATCH /api/coupon-codes/{id} 200+ coupon-code limit=350/s,3500/m scope=coupon-codes:write body=&CouponCodeUpdateQueryResourceObject
update_flow PATCH /api/flows/{id} 200+ flow limit=3/s,60/m scope=flows:write body=&FlowUpdateQueryResourceObject
update_image PATCH /api/images/{id} 200+ image limit=10/s,150/m scope=images:write body=&ImagePartialUpdateQueryResourceObject
update_items_for_catalog_category PATCH /api/catalog-categories/{id}/relationships/items 204 - limit=75/s,700/m scope=catalogs:write alias=update_catalog_category_relationships_items body=&[<catalog-item id!>]
update_list PATCH /api/lists/{id} 200+ list limit=10/s,150/m scope=lists:write body=&ListPartialUpdateQueryResourceObject
update_profile PATCH /api/profiles/{id} 200+ profile limit=75/s,700/m scope=profiles:write additional-fields[profile]=predictive_analytics,subscriptions body=&ProfilePartialUpdateQueryResourceObject
update_segment PATCH /api/segments/{id} 200+ segment limit=1/s,15/m,100/d scope=segments:write body=&SegmentPartialUpdateQueryResourceObject
update_tag PATCH /api/tags/{id} 204 - limit=3/s,60/m scope=tags:read,tags:write body=&TagUpdateQueryResourceObject
update_tag_group PATCH /api/tag-groups/{id} 200+ tag-group limit=3/s,60/m scope=tags:read,tags:write body=&TagGroupUpdateQueryResourceObject
update_template PATCH /api/templates/{id} 200+ template limit=10/s,150/m scope=templates:write body=&TemplateUpdateQueryResourceObject
update_tracking_setting PATCH /api/tracking-settings/{id} 200+ tracking-setting limit=10/s,150/m scope=tracking-settings:write body=&TrackingSettingPartialUpdateQueryResourceObject
update_universal_content PATCH /api/template-universal-content/{id} 200+ template-universal-content limit=10/s,150/m scope=templates:write alias=update_template_universal_content body=&UniversalContentPartialUpdateQueryResourceObject
update_webhook PATCH /api/webhooks/{id} 200+ webhook limit=1/s,15/m scope=webhooks:write body=&WebhookPartialUpdateQueryResourceObject
upload_image_from_file POST /api/image-upload 201+ image limit=3/s,100/m,100/d scope=images:write alias=create_image_upload body=multipart{file!:file,hidden:boolean,name:string}
upload_image_from_url POST /api/images 201+ image limit=3/s,100/m,100/d scope=images:write alias=create_image body=&ImageCreateQueryResourceObject
]=],
  fields = [=[
account contact_information,contact_information.default_sender_email,contact_information.default_sender_name,contact_information.organization_name,contact_information.street_address,contact_information.street_address.address1,contact_information.street_address.address2,contact_information.street_address.city,contact_information.street_address.country,contact_information.street_address.region,contact_information.street_address.zip,contact_information.website_url,industry,locale,preferred_currency,public_api_key,test_account,timezone
campaign archived,audiences,audiences.excluded,audiences.included,created_at,name,scheduled_at,send_options,send_options.use_smart_sending,send_strategy,send_strategy.method,send_strategy.options_static,send_strategy.options_static.datetime,send_strategy.options_static.is_local,send_strategy.options_static.send_past_recipients_immediately,send_strategy.options_sto,send_strategy.options_sto.date,send_strategy.options_throttled,send_strategy.options_throttled.datetime,send_strategy.options_throttled.throttle_percentage,send_time,status,tracking_options,tracking_options.add_tracking_params,tracking_options.custom_tracking_params,tracking_options.is_tracking_clicks,tracking_options.is_tracking_opens,updated_at
campaign-message channel,content,content.bcc_email,content.body,content.cc_email,content.from_email,content.from_label,content.media_url,content.preview_text,content.reply_to_email,content.subject,created_at,label,render_options,render_options.add_info_link,render_options.add_opt_out_language,render_options.add_org_prefix,render_options.shorten_links,send_times,updated_at
campaign-recipient-estimation estimated_recipient_count
campaign-recipient-estimation-job status
campaign-send-job status
catalog-category external_id,name,updated
catalog-category-bulk-create-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-category-bulk-delete-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-category-bulk-update-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-item created,custom_metadata,description,external_id,image_full_url,image_thumbnail_url,images,price,published,title,updated,url
catalog-item-bulk-create-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-item-bulk-delete-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-item-bulk-update-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-variant created,custom_metadata,description,external_id,image_full_url,image_thumbnail_url,images,inventory_policy,inventory_quantity,price,published,sku,title,updated,url
catalog-variant-bulk-create-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-variant-bulk-delete-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
catalog-variant-bulk-update-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
coupon description,external_id
coupon-code expires_at,status,unique_code
coupon-code-bulk-create-job completed_at,completed_count,created_at,errors,expires_at,failed_count,status,total_count
event datetime,event_properties,timestamp,uuid
flow archived,created,name,status,trigger_type,updated
flow-action action_type,created,render_options,render_options.add_info_link,render_options.add_opt_out_language,render_options.add_org_prefix,render_options.shorten_links,send_options,send_options.is_transactional,send_options.use_smart_sending,settings,status,tracking_options,tracking_options.add_utm,tracking_options.is_tracking_clicks,tracking_options.is_tracking_opens,tracking_options.utm_params,updated
flow-message channel,content,content.android_link,content.badge,content.bcc_email,content.body,content.cc_email,content.dynamic_image,content.from_email,content.from_label,content.ios_link,content.media_url,content.on_open,content.preview_text,content.reply_to_email,content.sound,content.subject,content.title,created,name,updated
form ab_test,created_at,name,status,updated_at
form-version ab_test,ab_test.variation_name,created_at,form_type,status,updated_at
image format,hidden,image_url,name,size,updated_at
import-error code,detail,original_payload,source,source.pointer,title
list created,name,opt_in_process,updated
list.2 created,name,opt_in_process,profile_count,updated
metric created,integration,name,updated
metric-property inferred_type,label,property,sample_values
profile created,email,external_id,first_name,image,last_event_date,last_name,locale,location,location.address1,location.address2,location.city,location.country,location.ip,location.latitude,location.longitude,location.region,location.timezone,location.zip,organization,phone_number,predictive_analytics,predictive_analytics.average_days_between_orders,predictive_analytics.average_order_value,predictive_analytics.churn_probability,predictive_analytics.expected_date_of_next_order,predictive_analytics.historic_clv,predictive_analytics.historic_number_of_orders,predictive_analytics.predicted_clv,predictive_analytics.predicted_number_of_orders,predictive_analytics.total_clv,properties,subscriptions,subscriptions.email,subscriptions.email.marketing,subscriptions.email.marketing.can_receive_email_marketing,subscriptions.email.marketing.consent,subscriptions.email.marketing.consent_timestamp,subscriptions.email.marketing.custom_method_detail,subscriptions.email.marketing.double_optin,subscriptions.email.marketing.last_updated,subscriptions.email.marketing.list_suppressions,subscriptions.email.marketing.method,subscriptions.email.marketing.method_detail,subscriptions.email.marketing.suppression,subscriptions.mobile_push,subscriptions.mobile_push.marketing,subscriptions.mobile_push.marketing.can_receive_push_marketing,subscriptions.mobile_push.marketing.consent,subscriptions.mobile_push.marketing.consent_timestamp,subscriptions.sms,subscriptions.sms.marketing,subscriptions.sms.marketing.can_receive_sms_marketing,subscriptions.sms.marketing.consent,subscriptions.sms.marketing.consent_timestamp,subscriptions.sms.marketing.last_updated,subscriptions.sms.marketing.method,subscriptions.sms.marketing.method_detail,subscriptions.sms.transactional,subscriptions.sms.transactional.can_receive_sms_transactional,subscriptions.sms.transactional.consent,subscriptions.sms.transactional.consent_timestamp,subscriptions.sms.transactional.last_updated,subscriptions.sms.transactional.method,subscriptions.sms.transactional.method_detail,title,updated
profile-bulk-import-job completed_at,completed_count,created_at,expires_at,failed_count,started_at,status,total_count
profile-suppression-bulk-create-job completed_at,completed_count,created_at,skipped_count,status,total_count
profile-suppression-bulk-delete-job completed_at,completed_count,created_at,skipped_count,status,total_count
profile.2 created,email,external_id,first_name,image,joined_group_at,last_event_date,last_name,locale,location,location.address1,location.address2,location.city,location.country,location.ip,location.latitude,location.longitude,location.region,location.timezone,location.zip,organization,phone_number,predictive_analytics,predictive_analytics.average_days_between_orders,predictive_analytics.average_order_value,predictive_analytics.churn_probability,predictive_analytics.expected_date_of_next_order,predictive_analytics.historic_clv,predictive_analytics.historic_number_of_orders,predictive_analytics.predicted_clv,predictive_analytics.predicted_number_of_orders,predictive_analytics.total_clv,properties,subscriptions,subscriptions.email,subscriptions.email.marketing,subscriptions.email.marketing.can_receive_email_marketing,subscriptions.email.marketing.consent,subscriptions.email.marketing.consent_timestamp,subscriptions.email.marketing.custom_method_detail,subscriptions.email.marketing.double_optin,subscriptions.email.marketing.last_updated,subscriptions.email.marketing.list_suppressions,subscriptions.email.marketing.method,subscriptions.email.marketing.method_detail,subscriptions.email.marketing.suppression,subscriptions.mobile_push,subscriptions.mobile_push.marketing,subscriptions.mobile_push.marketing.can_receive_push_marketing,subscriptions.mobile_push.marketing.consent,subscriptions.mobile_push.marketing.consent_timestamp,subscriptions.sms,subscriptions.sms.marketing,subscriptions.sms.marketing.can_receive_sms_marketing,subscriptions.sms.marketing.consent,subscriptions.sms.marketing.consent_timestamp,subscriptions.sms.marketing.last_updated,subscriptions.sms.marketing.method,subscriptions.sms.marketing.method_detail,subscriptions.sms.transactional,subscriptions.sms.transactional.can_receive_sms_transactional,subscriptions.sms.transactional.consent,subscriptions.sms.transactional.consent_timestamp,subscriptions.sms.transactional.last_updated,subscriptions.sms.transactional.method,subscriptions.sms.transactional.method_detail,title,updated
profile.3 created,email,external_id,first_name,image,last_event_date,last_name,locale,location,location.address1,location.address2,location.city,location.country,location.ip,location.latitude,location.longitude,location.region,location.timezone,location.zip,organization,phone_number,properties,title,updated
review author,content,created,email,images,product,product.external_id,product.image_url,product.name,product.url,public_reply,public_reply.author,public_reply.content,public_reply.updated,rating,review_type,smart_quote,status,title,updated,verified
segment created,definition,definition.condition_groups,is_active,is_processing,is_starred,name,updated
segment.2 created,definition,definition.condition_groups,is_active,is_processing,is_starred,name,profile_count,updated
tag name
tag-group default,exclusive,name
template created,editor_type,html,name,text,updated
template-universal-content created,definition,definition.content_type,definition.data,definition.data.content,definition.data.display_options,definition.data.display_options.content_repeat,definition.data.display_options.content_repeat.item_alias,definition.data.display_options.content_repeat.repeat_for,definition.data.display_options.show_on,definition.data.display_options.visible_check,definition.data.styles,definition.data.styles.background_color,definition.data.styles.block_background_color,definition.data.styles.block_border_color,definition.data.styles.block_border_style,definition.data.styles.block_border_width,definition.data.styles.block_padding_bottom,definition.data.styles.block_padding_left,definition.data.styles.block_padding_right,definition.data.styles.block_padding_top,definition.data.styles.color,definition.data.styles.extra_css_class,definition.data.styles.font_family,definition.data.styles.font_size,definition.data.styles.font_style,definition.data.styles.font_weight,definition.data.styles.inner_padding_bottom,definition.data.styles.inner_padding_left,definition.data.styles.inner_padding_right,definition.data.styles.inner_padding_top,definition.data.styles.letter_spacing,definition.data.styles.line_height,definition.data.styles.mobile_stretch_content,definition.data.styles.text_align,definition.data.styles.text_decoration,definition.data.styles.text_table_layout,definition.type,name,screenshot_status,screenshot_url,updated
tracking-setting auto_add_parameters,custom_parameters,utm_campaign,utm_campaign.campaign,utm_campaign.campaign.type,utm_campaign.campaign.value,utm_campaign.flow,utm_campaign.flow.type,utm_campaign.flow.value,utm_id,utm_id.campaign,utm_id.campaign.type,utm_id.campaign.value,utm_id.flow,utm_id.flow.type,utm_id.flow.value,utm_medium,utm_medium.campaign,utm_medium.campaign.type,utm_medium.campaign.value,utm_medium.flow,utm_medium.flow.type,utm_medium.flow.value,utm_source,utm_source.campaign,utm_source.campaign.type,utm_source.campaign.value,utm_source.flow,utm_source.flow.type,utm_source.flow.value,utm_term,utm_term.campaign,utm_term.campaign.type,utm_term.campaign.value,utm_term.flow,utm_term.flow.type,utm_term.flow.value
webhook created_at,description,enabled,endpoint_url,name,updated_at
]=],
  schemas = [=[
APIMethodFilter {field!:string(method) filter:InStringArrayFilter? method!:string(api)}
AlltimeDateFilter {operator!:string(alltime) type!:string(date)}
AnniversaryDateFilter {operator!:string(anniversary,anniversary-month) type!:string(date)}
AudiencesSubObject {excluded:[string]? included:[string]?}
BackInStockMethodFilter {field!:string(method) method!:string(back_in_stock)}
BaseEventCreateQueryResourceObject <event attributes!:{metric!:&MetricCreateQueryResourceObject properties!:* time:string/date-time? unique_id:string? value:number? value_currency:string?}>
BlockDisplayOptions {content_repeat:ContentRepeat? show_on:string(all,desktop,mobile)? visible_check:string?}
BooleanFilter {operator!:string(equals) type!:string(boolean) value!:boolean}
BounceDateFilter {field!:string(bounce_date) filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|IsSetExistenceFilter)}
BulkRemoveMethodFilter {field!:string(method) method!:string(bulk_remove)}
CalendarDateFilter {operator!:string(calendar-month) type!:string(date) value!:integer}
CampaignCloneQueryResourceObject <campaign id! attributes!:{new_name:string?}>
CampaignCreateQueryResourceObject <campaign attributes!:{audiences!:AudiencesSubObject campaign-messages!:&[CampaignMessageCreateQueryResourceObject] name!:string send_options:(EmailSendOptionsSubObject|SMSSendOptionsSubObject)? send_strategy:SendStrategySubObject? tracking_options:(EmailTrackingOptionsSubObject|SMSTrackingOptionsSubObject)?}>
CampaignMessageAssignTemplateQueryResourceObject <campaign-message id! relationships:{template->template}>
CampaignMessageCreateQueryResourceObject <campaign-message attributes!:{channel!:string content:(EmailContentSubObject|SMSContentSubObjectCreate)? label:string? render_options:RenderOptionsSubObject?}>
CampaignMessagePartialUpdateQueryResourceObject <campaign-message id! attributes!:{content:(EmailContentSubObject|SMSContentSubObjectCreate)? label:string? render_options:RenderOptionsSubObject?}>
CampaignPartialUpdateQueryResourceObject <campaign id! attributes!:{audiences:AudiencesSubObject? name:string? send_options:(EmailSendOptionsSubObject|SMSSendOptionsSubObject)? send_strategy:SendStrategySubObject? tracking_options:(EmailTrackingOptionsSubObject|SMSTrackingOptionsSubObject)?}>
CampaignRecipientEstimationJobCreateQueryResourceObject <campaign-recipient-estimation-job id!>
CampaignSendJobCreateQueryResourceObject <campaign-send-job id!>
CampaignSendJobPartialUpdateQueryResourceObject <campaign-send-job id! attributes!:{action!:string(cancel,revert)}>
CampaignTrackingSettingDynamicParam {type!:string(dynamic) value!:string(campaign_id,campaign_name,campaign_name_id,campaign_name_send_day,email_subject,group_id,group_name,group_name_id,link_alt_text,message_type,profile_external_id,profile_id)}
CampaignTrackingSettingStaticParam {type!:string(static) value!:string}
CampaignValuesRequestDTOResourceObject <campaign-values-report attributes!:{conversion_metric_id!:string filter:string? statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
CarrierDeactivationMethodFilter {field!:string(method) method!:string(carrier_deactivation)}
CatalogCategoryCreateJobCreateQueryResourceObject <catalog-category-bulk-create-job attributes!:{categories!:&[CatalogCategoryCreateQueryResourceObject]}>
CatalogCategoryCreateQueryResourceObject <catalog-category attributes!:{catalog_type:string? external_id!:string integration_type:string($custom)? name!:string} relationships:{items->[catalog-item]}>
CatalogCategoryDeleteJobCreateQueryResourceObject <catalog-category-bulk-delete-job attributes!:{categories!:&[CatalogCategoryDeleteQueryResourceObject]}>
CatalogCategoryDeleteQueryResourceObject <catalog-category id!>
CatalogCategoryUpdateJobCreateQueryResourceObject <catalog-category-bulk-update-job attributes!:{categories!:&[CatalogCategoryUpdateQueryResourceObject]}>
CatalogCategoryUpdateQueryResourceObject <catalog-category id! attributes!:{name:string?} relationships:{items->[catalog-item]}>
CatalogItemCreateJobCreateQueryResourceObject <catalog-item-bulk-create-job attributes!:{items!:&[CatalogItemCreateQueryResourceObject]}>
CatalogItemCreateQueryResourceObject <catalog-item attributes!:{catalog_type:string? custom_metadata:*? description!:string external_id!:string image_full_url:string? image_thumbnail_url:string? images:[string]? integration_type:string($custom)? price:number? published:boolean? title!:string url!:string} relationships:{categories->[catalog-category]}>
CatalogItemDeleteJobCreateQueryResourceObject <catalog-item-bulk-delete-job attributes!:{items!:&[CatalogItemDeleteQueryResourceObject]}>
CatalogItemDeleteQueryResourceObject <catalog-item id!>
CatalogItemUpdateJobCreateQueryResourceObject <catalog-item-bulk-update-job attributes!:{items!:&[CatalogItemUpdateQueryResourceObject]}>
CatalogItemUpdateQueryResourceObject <catalog-item id! attributes!:{custom_metadata:*? description:string? image_full_url:string? image_thumbnail_url:string? images:[string]? price:number? published:boolean? title:string? url:string?} relationships:{categories->[catalog-category]}>
CatalogVariantCreateJobCreateQueryResourceObject <catalog-variant-bulk-create-job attributes!:{variants!:&[CatalogVariantCreateQueryResourceObject]}>
CatalogVariantCreateQueryResourceObject <catalog-variant attributes!:{catalog_type:string? custom_metadata:*? description!:string external_id!:string image_full_url:string? image_thumbnail_url:string? images:[string]? integration_type:string($custom)? inventory_policy:integer(0,1,2)? inventory_quantity!:number price!:number published:boolean? sku!:string title!:string url!:string} relationships:{item->catalog-item}>
CatalogVariantDeleteJobCreateQueryResourceObject <catalog-variant-bulk-delete-job attributes!:{variants!:&[CatalogVariantDeleteQueryResourceObject]}>
CatalogVariantDeleteQueryResourceObject <catalog-variant id!>
CatalogVariantUpdateJobCreateQueryResourceObject <catalog-variant-bulk-update-job attributes!:{variants!:&[CatalogVariantUpdateQueryResourceObject]}>
CatalogVariantUpdateQueryResourceObject <catalog-variant id! attributes!:{custom_metadata:*? description:string? image_full_url:string? image_thumbnail_url:string? images:[string]? inventory_policy:integer(0,1,2)? inventory_quantity:number? price:number? published:boolean? sku:string? title:string? url:string?}>
CheckoutMethodFilter {field!:string(method) method!:string(checkout)}
ClientBISSubscriptionCreateQueryResourceObject <back-in-stock-subscription attributes!:{channels!:[string(EMAIL,PUSH,SMS)] profile!:&ProfileIdentifierDTOResourceObject} relationships:{variant->catalog-variant}>
ConditionGroup {conditions!:[(ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileMetricCondition|ProfileMarketingConsentCondition|ProfilePostalCodeDistanceCondition|ProfilePropertyCondition|ProfileRegionCondition|ProfilePredictiveAnalyticsNumericCondition|ProfilePredictiveAnalyticsStringCondition)]}
ConstantContactIntegrationFilter {operator!:string(in) type!:string(string) value!:[string(constant_contact)]}
ConstantContactIntegrationMethodFilter {field!:string(method) filter!:ConstantContactIntegrationFilter method!:string(integration)}
ContentRepeat {item_alias!:string repeat_for!:string}
CouponCodeCreateJobCreateQueryResourceObject <coupon-code-bulk-create-job attributes!:{coupon-codes!:&[CouponCodeCreateQueryResourceObject]}>
CouponCodeCreateQueryResourceObject <coupon-code attributes!:{expires_at:string/date-time? unique_code!:string} relationships:{coupon->coupon}>
CouponCodeUpdateQueryResourceObject <coupon-code id! attributes!:{expires_at:string/date-time? status:string(ASSIGNED_TO_PROFILE,DELETING,PROCESSING,UNASSIGNED,USED,VERSION_NOT_ACTIVE)?}>
CouponCreateQueryResourceObject <coupon attributes!:{description:string? external_id!:string}>
CouponUpdateQueryResourceObject <coupon id! attributes!:{description:string?}>
CustomSourceFilter {field!:string(custom_source) filter!:EqualsStringFilter}
CustomTimeframe {end!:string/date-time start!:string/date-time}
CustomTrackingParamDTO {campaign:(CampaignTrackingSettingDynamicParam|CampaignTrackingSettingStaticParam)? flow:(FlowTrackingSettingDynamicParam|FlowTrackingSettingStaticParam)? name!:string}
DataPrivacyCreateDeletionJobQueryResourceObject <data-privacy-deletion-job attributes!:{profile!:&DataPrivacyProfileQueryResourceObject}>
DataPrivacyProfileQueryResourceObject <profile id attributes!:{email:string? phone_number:string?}>
DeviceMetadata {app_build:string? app_id:string? app_name:string? app_version:string? device_id:string? device_model:string? environment:string(debug,release)? klaviyo_sdk:string(android,flutter_community,react_native,swift)? manufacturer:string? os_name:string(android,ios,ipados,macos,tvos)? os_version:string? sdk_version:string?}
DoubleOptinFilter {field!:string(is_double_opt_in) filter!:BooleanFilter}
DynamicTrackingParam {name!:string type!:string(dynamic) value!:string(campaign_id,campaign_name,campaign_name_id,campaign_name_send_day,email_subject,group_id,group_name,group_name_id,link_alt_text,message_type,profile_external_id,profile_id)}
EmailContentSubObject {bcc_email:string? cc_email:string? from_email:string? from_label:string? preview_text:string? reply_to_email:string? subject:string?}
EmailSendOptionsSubObject {use_smart_sending:boolean?}
EmailSubscriptionParameters {marketing!:SubscriptionParameters}
EmailTrackingOptionsSubObject {add_tracking_params:boolean? custom_tracking_params:[(DynamicTrackingParam|StaticTrackingParam)]? is_tracking_clicks:boolean? is_tracking_opens:boolean?}
EmailUnsubscriptionParameters {marketing!:UnsubscriptionParameters}
EqualsStringFilter {operator!:string(equals) type!:string(string) value!:string?}
EventCreateQueryV2ResourceObject <event attributes!:{metric!:&MetricCreateQueryResourceObject profile!:&EventProfileCreateQueryResourceObject properties!:* time:string/date-time? unique_id:string? value:number? value_currency:string?}>
EventProfileCreateQueryResourceObject <profile id attributes!:{_kx:string? anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? meta:OnsiteProfileMeta? organization:string? phone_number:string? properties:*? title:string?}>
EventsBulkCreateJobResourceObject <event-bulk-create-job attributes!:{events-bulk-create!:&[EventsBulkCreateQueryResourceObject]}>
EventsBulkCreateQueryResourceObject <event-bulk-create attributes!:{events!:&[BaseEventCreateQueryResourceObject] profile!:&OnsiteProfileCreateQueryResourceObject}>
ExistenceOperatorFilter {operator!:string(is-set,not-set) type!:string(existence)}
FailedAgeGateMethodFilter {field!:string(method) method!:string(failed_age_gate)}
FlowSeriesRequestDTOResourceObject <flow-series-report attributes!:{conversion_metric_id!:string filter:string? interval!:string(daily,hourly,monthly,weekly) statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
FlowTrackingSettingDynamicParam {type!:string(dynamic) value!:string(email_subject,flow_id,flow_name,link_alt_text,message_name,message_name_id,message_type,profile_external_id,profile_id)}
FlowTrackingSettingStaticParam {type!:string(static) value!:string}
FlowUpdateQueryResourceObject <flow id! attributes!:{status!:string}>
FlowValuesRequestDTOResourceObject <flow-values-report attributes!:{conversion_metric_id!:string filter:string? statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
FormMethodFilter {field!:string(method) filter:InStringArrayFilter? method!:string(form)}
FormSeriesRequestDTOResourceObject <form-series-report attributes!:{filter:string? group_by:[string(form_id,form_version_id)]? interval!:string(daily,hourly,monthly,weekly) statistics!:[string(closed_form,closed_form_uniques,qualified_form,qualified_form_uniques,submit_rate,submits,submitted_form_step,submitted_form_step_uniques,viewed_form,viewed_form_step,viewed_form_step_uniques,viewed_form_uniques)] timeframe!:(Timeframe|CustomTimeframe)}>
FormValuesRequestDTOResourceObject <form-values-report attributes!:{filter:string? group_by:[string(form_id,form_version_id)]? statistics!:[string(closed_form,closed_form_uniques,qualified_form,qualified_form_uniques,submit_rate,submits,submitted_form_step,submitted_form_step_uniques,viewed_form,viewed_form_step,viewed_form_step_uniques,viewed_form_uniques)] timeframe!:(Timeframe|CustomTimeframe)}>
HTMLBlock {content_type!:string(block) data!:HTMLBlockData type!:string(html)}
HTMLBlockData {content!:string display_options!:BlockDisplayOptions}
HasEmailMarketing {subscription!:string(any)}
HasEmailMarketingConsent {can_receive_marketing!:boolean(true) channel!:string(email) consent_status!:(HasEmailMarketing|HasEmailMarketingSubscribed|HasEmailMarketingNeverSubscribed)}
HasEmailMarketingNeverSubscribed {subscription!:string(never_subscribed)}
HasEmailMarketingSubscribed {filters:[(DoubleOptinFilter|StatusDateFilter|CustomSourceFilter|FormMethodFilter|PreferencePageFilter|APIMethodFilter|InboundMessageMethodFilter|BackInStockMethodFilter|SftpMethodFilter|ManualImportMethodFilter|ManualAddMethodFilter|ShopifyIntegrationMethodFilter)]? subscription!:string(subscribed)}
HasPushMarketing {filters:[StatusDateFilter]? subscription!:string(any)}
HasPushMarketingConsent {can_receive_marketing!:boolean(true) channel!:string(push) consent_status!:HasPushMarketing}
HasSMSMarketingConsent {can_receive_marketing!:boolean(true) channel!:string(sms) consent_status!:HasSMSMarketingSubscribed}
HasSMSMarketingSubscribed {filters:[(StatusDateFilter|FormMethodFilter|ManualImportMethodFilter|ManualAddMethodFilter|CheckoutMethodFilter|InboundMessageMethodFilter|PreferencePageMethodFilter|SftpMethodFilter|ShopifyIntegrationMethodFilter)]? subscription!:string(subscribed)}
ImageCreateQueryResourceObject <image attributes!:{hidden:boolean? import_from_url!:string name:string?}>
ImagePartialUpdateQueryResourceObject <image id! attributes!:{hidden:boolean? name:string?}>
InStringArrayFilter {operator!:string(in) type!:string(string) value!:[string]}
InboundMessageMethodFilter {field!:string(method) method!:string(inbound_message)}
InvalidEmailDateFilter {field!:string(invalid_email_date) filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|IsSetExistenceFilter)}
IsSetExistenceFilter {operator!:string(is-set) type!:string(existence)}
ListContainsOperatorFilter {operator!:string(contains,not-contains) type!:string(list) value!:(integer|string)?}
ListCreateQueryResourceObject <list attributes!:{name!:string}>
ListLengthFilter {operator!:string(length-equals,length-greater-than,length-greater-than-or-equal,length-less-than,length-less-than-or-equal) type!:string(list) value!:integer}
ListPartialUpdateQueryResourceObject <list id! attributes!:{name!:string}>
ListSetFilter {operator!:string(contains-all,contains-any,not-contains-all,not-contains-any) type!:string(list) value!:[string]}
ListSubstringFilter {operator!:string(contains-substring,not-contains-substring) type!:string(list) value!:string?}
MailboxProviderMethodFilter {field!:string(method) method!:string(mailbox_provider)}
ManualAddMethodFilter {field!:string(method) filter:InStringArrayFilter? method!:string(manual_add)}
ManualImportMethodFilter {field!:string(method) filter:InStringArrayFilter? method!:string(manual_import)}
ManualRemoveMethodFilter {field!:string(method) method!:string(manual_remove)}
ManualSuppressionDateFilter {field!:string(manual_suppression_date) filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|IsSetExistenceFilter)}
MessageBlockedMethodFilter {field!:string(method) method!:string(message_blocked)}
MetricAggregateQueryResourceObject <metric-aggregate attributes!:{by:[string("Bot Click","Bounce Type","Campaign Name","Client Canonical","Client Name","Client Type","Email Domain","Failure Source","Failure Type","From Number","From Phone Region","Inbox Provider","Message Name","Message Type","To Number","To Phone Region",$attributed_channel,$attributed_flow,$attributed_message,$attributed_variation,$campaign_channel,$flow,$flow_channel,$message,$message_send_cohort,$variation,$variation_send_cohort,List,Method,Subject,URL,form_id)]? filter!:[string] interval:string(day,hour,month,week)? measurements!:[string(count,sum_value,unique)] metric_id!:string page_cursor:string page_size:integer? return_fields:[string]? sort:string("-Bot Click","-Bounce Type","-Campaign Name","-Client Canonical","-Client Name","-Client Type","-Email Domain","-Failure Source","-Failure Type","-From Number","-From Phone Region","-Inbox Provider","-Message Name","-Message Type","-To Number","-To Phone Region","Bot Click","Bounce Type","Campaign Name","Client Canonical","Client Name","Client Type","Email Domain","Failure Source","Failure Type","From Number","From Phone Region","Inbox Provider","Message Name","Message Type","To Number","To Phone Region",$attributed_channel,$attributed_flow,$attributed_message,$attributed_variation,$campaign_channel,$flow,$flow_channel,$message,$message_send_cohort,$variation,$variation_send_cohort,-$attributed_channel,-$attributed_flow,-$attributed_message,-$attributed_variation,-$campaign_channel,-$flow,-$flow_channel,-$message,-$message_send_cohort,-$variation,-$variation_send_cohort,-List,-Method,-Subject,-URL,-count,-form_id,-sum_value,-unique,List,Method,Subject,URL,count,form_id,sum_value,unique) timezone:string?}>
MetricCreateQueryResourceObject <metric attributes!:{name!:string service:string?}>
NoEmailMarketing {filters:[(BounceDateFilter|ManualSuppressionDateFilter|InvalidEmailDateFilter)]? subscription!:string(any)}
NoEmailMarketingConsent {can_receive_marketing!:boolean(false) channel!:string(email) consent_status!:(NoEmailMarketing|NoEmailMarketingUnsubscribed|NoEmailMarketingNeverSubscribed|NoEmailMarketingSubscribed)}
NoEmailMarketingNeverSubscribed {filters!:[(BounceDateFilter|ManualSuppressionDateFilter|InvalidEmailDateFilter)] subscription!:string(never_subscribed)}
NoEmailMarketingSubscribed {filters!:[(BounceDateFilter|ManualSuppressionDateFilter|InvalidEmailDateFilter)] subscription!:string(subscribed)}
NoEmailMarketingUnsubscribed {filters:([(StatusDateFilter|APIMethodFilter|InboundMessageMethodFilter|PreferencePageMethodFilter|ManualRemoveMethodFilter|SpamComplaintMethodFilter|MailboxProviderMethodFilter|ConstantContactIntegrationMethodFilter)]|[(BounceDateFilter|ManualSuppressionDateFilter|InvalidEmailDateFilter)])? subscription!:string(unsubscribed)}
NoPushMarketing {subscription!:string(any)}
NoPushMarketingConsent {can_receive_marketing!:boolean(false) channel!:string(push) consent_status!:NoPushMarketing}
NoSMSMarketing {subscription!:string(any)}
NoSMSMarketingConsent {can_receive_marketing!:boolean(false) channel!:string(sms) consent_status!:(NoSMSMarketing|NoSMSMarketingUnsubscribed|NoSMSMarketingNeverSubscribed)}
NoSMSMarketingNeverSubscribed {subscription!:string(never_subscribed)}
NoSMSMarketingUnsubscribed {filters:[(StatusDateFilter|FormMethodFilter|ManualImportMethodFilter|ManualAddMethodFilter|ManualRemoveMethodFilter|BulkRemoveMethodFilter|CheckoutMethodFilter|InboundMessageMethodFilter|PreferencePageMethodFilter|SftpMethodFilter|CarrierDeactivationMethodFilter|ProvidedLandlineMethodFilter|MessageBlockedMethodFilter|ProvidedNoAgeMethodFilter|FailedAgeGateMethodFilter|ShopifyIntegrationMethodFilter)]? subscription!:string(unsubscribed)}
NumericOperatorFilter {operator!:string(equals,greater-than,greater-than-or-equal,less-than,less-than-or-equal,not-equals) type!:string(numeric) value!:(integer|number)}
OnsiteProfileCreateQueryResourceObject <profile id attributes!:{_kx:string? anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?} meta:OnsiteProfileMeta?>
OnsiteProfileMeta {patch_properties:ProfileMetaPatchProperties?}
OnsiteSubscriptionCreateQueryDeprecatedOct24ResourceObject <subscription attributes!:{custom_source:string? profile!:&ProfileUpsertQueryResourceObject} relationships:{list->list}>
PreferencePageFilter {field!:string(method) filter:EqualsStringFilter? method!:string(preference_page)}
PreferencePageMethodFilter {field!:string(method) method!:string(preference_page)}
ProfileCreateQueryResourceObject <profile attributes!:{email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?}>
ProfileHasGroupMembershipCondition {group_ids!:[string] is_member!:boolean(true) timeframe_filter:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeDateRangeFilter)? type!:string(profile-group-membership)}
ProfileIdentifierDTOResourceObject <profile id attributes!:{anonymous_id:string? email:string? external_id:string? phone_number:string?}>
ProfileImportJobCreateQueryResourceObject <profile-bulk-import-job attributes!:{profiles!:&[ProfileUpsertQueryResourceObject]} relationships:{lists->[list]}>
ProfileLocation {address1:string? address2:string? city:string? country:string? ip:string? latitude:(string|number)? longitude:(string|number)? region:string? timezone:string? zip:string?}
ProfileMarketingConsentCondition {consent!:(HasEmailMarketingConsent|NoEmailMarketingConsent|HasSMSMarketingConsent|NoSMSMarketingConsent|HasPushMarketingConsent|NoPushMarketingConsent) type!:string(profile-marketing-consent)}
ProfileMergeQueryResourceObject <profile-merge id! relationships:{profiles->[profile]}>
ProfileMeta {patch_properties:ProfileMetaPatchProperties?}
ProfileMetaPatchProperties {append:*? unappend:*? unset:(string|[string])?}
ProfileMetricCondition {measurement!:string(count,sum) measurement_filter!:NumericOperatorFilter metric_filters:[ProfileMetricPropertyFilter]? metric_id!:string timeframe_filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|AlltimeDateFilter) type!:string(profile-metric)}
ProfileMetricPropertyFilter {filter:(StringOperatorFilter|StringArrayOperatorFilter|ExistenceOperatorFilter|ListSetFilter|ListLengthFilter|ListSubstringFilter|BooleanFilter|NumericOperatorFilter)? property!:string}
ProfileNoGroupMembershipCondition {group_ids!:[string] is_member!:boolean(false) type!:string(profile-group-membership)}
ProfilePartialUpdateQueryResourceObject <profile id! attributes!:{anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?} meta:ProfileMeta?>
ProfilePostalCodeDistanceCondition {country_code!:string filter!:UnionPositiveNumericFilter postal_code!:string type!:string(profile-postal-code-distance) unit!:string(kilometers,miles)}
ProfilePredictiveAnalyticsNumericCondition {dimension!:string(average_days_between_orders,average_order_value,churn_probability,historic_clv,historic_number_of_orders,predicted_clv,predicted_number_of_orders,total_clv) filter!:NumericOperatorFilter type!:string(profile-predictive-analytics)}
ProfilePredictiveAnalyticsStringCondition {dimension!:string(predicted_gender) filter!:ProfilePredictiveAnalyticsStringFilter type!:string(profile-predictive-analytics)}
ProfilePredictiveAnalyticsStringFilter {operator!:(string(equals)|string(not-equals)) type!:string(string) value!:string(likely_female,likely_male,uncertain)}
ProfilePropertyCondition {filter!:(StringOperatorFilter|StringArrayOperatorFilter|StringPhoneOperatorArrayFilter|NumericOperatorFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|ListContainsOperatorFilter|ListLengthFilter|ExistenceOperatorFilter) property!:string type!:string(profile-property)}
ProfileRegionCondition {in_region!:boolean region!:string(european_union,united_states) type!:string(profile-region)}
ProfileSubscriptionCreateQueryResourceObject <profile id attributes!:{age_gated_date_of_birth:string/date? email:string? phone_number:string? subscriptions:SubscriptionChannels?}>
ProfileSubscriptionDeleteQueryResourceObject <profile attributes!:{email:string? phone_number:string? subscriptions:UnsubscriptionChannels?}>
ProfileSuppressionCreateQueryResourceObject <profile attributes!:{email!:string}>
ProfileSuppressionDeleteQueryResourceObject <profile attributes!:{email!:string}>
ProfileUpsertQueryResourceObject <profile id attributes!:{_kx:string? anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?} meta:ProfileMeta?>
ProvidedLandlineMethodFilter {field!:string(method) method!:string(provided_landline)}
ProvidedNoAgeMethodFilter {field!:string(method) method!:string(provided_no_age)}
PushProfileUpsertQueryResourceObject <profile id attributes!:{_kx:string? anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? meta:ProfileMeta? organization:string? phone_number:string? properties:*? title:string?}>
PushTokenCreateQueryResourceObject <push-token attributes!:{background:string(AVAILABLE,DENIED,RESTRICTED)? device_metadata:DeviceMetadata? enablement_status:string(AUTHORIZED,DENIED,NOT_DETERMINED,PROVISIONAL,UNAUTHORIZED)? platform!:string(android,ios) profile!:&PushProfileUpsertQueryResourceObject token!:string vendor!:string(apns,fcm)}>
PushTokenUnregisterQueryResourceObject <push-token-unregister attributes!:{platform!:string(android,ios) profile!:&ProfileUpsertQueryResourceObject token!:string vendor:string(apns,fcm)?}>
RelativeAnniversaryDateFilter {operator!:string(anniversary-last,anniversary-next) quantity!:integer type!:string(date) unit!:string(day,hour,week)}
RelativeDateOperatorBaseFilter {operator!:string(at-least,in-the-last,in-the-next) quantity!:integer type!:string(date) unit!:string(day,hour,week)}
RelativeDateRangeFilter {end!:integer operator!:string(between) start!:integer type!:string(date) unit!:string(day,hour,week)}
RenderOptionsSubObject {add_info_link:boolean? add_opt_out_language:boolean? add_org_prefix:boolean? shorten_links:boolean?}
SMSContentSubObjectCreate {body:string?}
SMSSendOptionsSubObject {use_smart_sending:boolean?}
SMSSubscriptionParameters {marketing:SubscriptionParameters? transactional:SubscriptionParameters?}
SMSTrackingOptionsSubObject {add_tracking_params:boolean? custom_tracking_params:[(DynamicTrackingParam|StaticTrackingParam)]?}
SMSUnsubscriptionParameters {marketing:UnsubscriptionParameters? transactional:UnsubscriptionParameters?}
STOScheduleOptions {date!:string/date}
SegmentCreateQueryResourceObject <segment attributes!:{definition!:SegmentDefinition is_starred:boolean? name!:string}>
SegmentDefinition {condition_groups!:[ConditionGroup]}
SegmentPartialUpdateQueryResourceObject <segment id! attributes!:{definition:SegmentDefinition? is_starred:boolean? name:string?}>
SegmentSeriesRequestDTOResourceObject <segment-series-report attributes!:{filter:string? interval!:string(daily,hourly,monthly,weekly) statistics!:[string(members_added,members_removed,net_members_changed,total_members)] timeframe!:(Timeframe|CustomTimeframe)}>
SegmentValuesRequestDTOResourceObject <segment-values-report attributes!:{filter:string? statistics!:[string(members_added,members_removed,net_members_changed,total_members)] timeframe!:(Timeframe|CustomTimeframe)}>
SendStrategySubObject {method!:string options_static:StaticScheduleOptions? options_sto:STOScheduleOptions? options_throttled:ThrottledScheduleOptions?}
ServerBISSubscriptionCreateQueryResourceObject <back-in-stock-subscription attributes!:{channels!:[string(EMAIL,PUSH,SMS)] profile:&ProfileIdentifierDTOResourceObject?} relationships:{variant->catalog-variant}>
SftpMethodFilter {field!:string(method) method!:string(sftp)}
ShopifyIntegrationFilter {operator!:string(in) type!:string(string) value!:[string(shopify)]}
ShopifyIntegrationMethodFilter {field!:string(method) filter!:ShopifyIntegrationFilter method!:string(integration)}
SpamComplaintMethodFilter {field!:string(method) method!:string(spam_complaint)}
StaticDateFilter {date!:string/date-time operator!:string(after,before) type!:string(date)}
StaticDateRangeFilter {end!:string/date-time operator!:string(between-static) start!:string/date-time type!:string(date)}
StaticScheduleOptions {datetime!:string/date-time is_local:boolean? send_past_recipients_immediately:boolean?}
StaticTrackingParam {name!:string type!:string(static) value!:string}
StatusDateFilter {field!:string(status_date) filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter)}
StringArrayOperatorFilter {operator!:string(in,not-in) type!:string(string) value!:[string]}
StringOperatorFilter {operator!:string(contains,ends-with,equals,not-contains,not-ends-with,not-equals,not-starts-with,starts-with) type!:string(string) value!:string?}
StringPhoneOperatorArrayFilter {operator!:string(phone-country-code-in,phone-country-code-not-in) type!:string(string) value!:[string]}
SubscriptionChannels {email:EmailSubscriptionParameters? sms:SMSSubscriptionParameters?}
SubscriptionCreateJobCreateQueryResourceObject <profile-subscription-bulk-create-job attributes!:{custom_source:string? historical_import:boolean? profiles!:&[ProfileSubscriptionCreateQueryResourceObject]} relationships:{list->list}>
SubscriptionDeleteJobCreateQueryResourceObject <profile-subscription-bulk-delete-job attributes!:{profiles!:&[ProfileSubscriptionDeleteQueryResourceObject]} relationships:{list->list}>
SubscriptionParameters {consent!:string(SUBSCRIBED) consented_at:string/date-time?}
SuppressionCreateJobCreateQueryResourceObject <profile-suppression-bulk-create-job attributes!:{profiles:&[ProfileSuppressionCreateQueryResourceObject]?} relationships:{list->list segment->segment}>
SuppressionDeleteJobCreateQueryResourceObject <profile-suppression-bulk-delete-job attributes!:{profiles:&[ProfileSuppressionDeleteQueryResourceObject]?} relationships:{list->list segment->segment}>
TagCreateQueryResourceObject <tag attributes!:{name!:string} relationships:{tag-group->tag-group}>
TagGroupCreateQueryResourceObject <tag-group attributes!:{exclusive:boolean? name!:string}>
TagGroupUpdateQueryResourceObject <tag-group id! attributes!:{name!:string return_fields:[string]?}>
TagUpdateQueryResourceObject <tag id! attributes!:{name!:string}>
TemplateCloneQueryResourceObject <template id! attributes!:{name:string?}>
TemplateCreateQueryResourceObject <template attributes!:{editor_type!:string html:string? name!:string text:string?}>
TemplateRenderQueryResourceObject <template id! attributes!:{context!:*}>
TemplateUpdateQueryResourceObject <template id! attributes!:{html:string? name:string? text:string?}>
TextBlock {content_type!:string(block) data!:TextBlockData type!:string(text)}
TextBlockData {content!:string display_options!:BlockDisplayOptions styles!:TextBlockStyles}
TextBlockStyles {background_color:string? block_background_color:string? block_border_color:string? block_border_style:string(dashed,dotted,groove,inset,none,outset,ridge,solid)? block_border_width:integer? block_padding_bottom:integer? block_padding_left:integer? block_padding_right:integer? block_padding_top:integer? color:string? extra_css_class:string? font_family:string? font_size:integer? font_style:string(italic,normal)? font_weight:string? inner_padding_bottom:integer? inner_padding_left:integer? inner_padding_right:integer? inner_padding_top:integer? letter_spacing:integer? line_height:number? mobile_stretch_content:boolean? text_align:string(center,left,right)? text_decoration:string? text_table_layout:string(auto,fixed,inherit,initial)?}
ThrottledScheduleOptions {datetime!:string/date-time throttle_percentage!:integer}
Timeframe {key!:string(last_12_months,last_30_days,last_365_days,last_3_months,last_7_days,last_90_days,last_month,last_week,last_year,this_month,this_week,this_year,today,yesterday)}
TrackingParamDTO {campaign:(CampaignTrackingSettingDynamicParam|CampaignTrackingSettingStaticParam)? flow:(FlowTrackingSettingDynamicParam|FlowTrackingSettingStaticParam)?}
TrackingSettingPartialUpdateQueryResourceObject <tracking-setting id! attributes!:{auto_add_parameters:boolean? custom_parameters:[CustomTrackingParamDTO]? utm_campaign:TrackingParamDTO? utm_id:TrackingParamDTO? utm_medium:TrackingParamDTO? utm_source:TrackingParamDTO? utm_term:TrackingParamDTO?}>
UnionPositiveNumericFilter {operator!:(string(greater-than)|string(less-than)) type!:string(numeric) value!:(integer|number)}
UniversalContentCreateQueryResourceObject <template-universal-content attributes!:{definition!:(HTMLBlock|TextBlock) name!:string}>
UniversalContentPartialUpdateQueryResourceObject <template-universal-content id! attributes!:{definition:(HTMLBlock|TextBlock)? name:string?}>
UnsubscriptionChannels {email:EmailUnsubscriptionParameters? sms:SMSUnsubscriptionParameters?}
UnsubscriptionParameters {consent!:string(UNSUBSCRIBED)}
WebhookCreateQueryResourceObject <webhook attributes!:{description:string? endpoint_url!:string name!:string secret_key!:string} relationships:{webhook-topics->[webhook-topic]}>
WebhookPartialUpdateQueryResourceObject <webhook id! attributes!:{description:string? enabled:boolean? endpoint_url:string? name:string? secret_key:string?} relationships:{webhook-topics->[webhook-topic]}>
]=],
}
