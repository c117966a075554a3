-- The request documents of 2026-07-15: what differs from 2026-04-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return [=[
APISchemaProperty {description:string? id!:integer name!:string type!:string(boolean,float,int,string,timestamp)}
ConstantPropertyMapping {id!:integer type!:string(constant) value!:(integer|number|string|boolean)}
ConversationMessageCreateQueryResourceObject <conversation-message attributes!:{body!:string message_hierarchy:[(MessageHierarchyRcsItem|MessageHierarchySmsItem)]?} relationships!:{conversation!->conversation}>
CustomObjectRelationshipSource {id_path!:string related_id_path!:string source_id!:string type!:string(custom-object) update_strategy:string(additive,replace_from_origin)?}
DynamicSMSImage {dynamic:boolean(true) dynamic_image_template!:string}
EmbeddedObjectSchemaResourceObject <object-schema attributes!:{properties:[APISchemaProperty]? required:[string]? source-mapping:&SourceMappingCreateQueryResourceObject? status:string(active,draft)?}>
FlowSms {add_info_link:boolean add_opt_out_language:boolean add_org_prefix:boolean add_tracking_params:boolean additional_filters:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsDateCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfilePredictiveAnalyticsChannelAffinityPriorityCondition|ProfilePredictiveAnalyticsChannelAffinityRankCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition|ProfileHasCustomObjectCondition|ProfilePermissionsCondition|ProfileHasNotReceivedEmailMessageCondition|ProfileHasNotReceivedSmsMessageCondition|ProfileHasNotReceivedPushMessageCondition)]}]}? body!:string custom_tracking_params:[UtmParam]? dynamic_image:string? id:string? image_id:string? include_contact_card:boolean message_hierarchy:[((MessageHierarchyRcsItem|MessageHierarchySmsItem)|string)]? name:string? shorten_links:boolean smart_sending_enabled:boolean sms_quiet_hours_enabled:boolean template_id:string? transactional:boolean}
ImageAsset {file_path!:string file_size!:integer format!:string(gif,jpeg,jpg,png,webp) id!:integer image_type!:string(dynamic,static) l10n_key:string? name!:string origin:string(ADOPTION_SMS_FORM_FROM_EMAIL_FORM,ADOPTION_SMS_MULTI_STEP_FORM_FROM_EMAIL_FORM,AI,API,APPLICATION,CLONED,COMPOSER,COMPOSER_AI_EDITED,COMPOSER_AI_GENERATED,COMPOSER_USED_IN_KLAVIYO_OBJECT,COMPOSER_USER_UPLOADED,COMPOSER_WEB_SCRAPED,INTEGRATION,KLAVIYO,LIBRARY,MARKETING_AGENT,SOCIAL_INSTAGRAM,SOCIAL_INSTAGRAM_OVERLAID,UI,WEB_SCRAPE)? updated!:string/date-time url!:string}
MediaAsset {company_id!:string file_size!:integer id!:string l10n_key:string? media_type:string name!:string thumbnail_url:string? url!:string}
MediaAssetReference {dynamic_template:string? static_asset_id:string? thumbnail:SlimImageReference?}
MessageHierarchyRcsItem {extra:*? image:SlimImageReference? message:string message_format:string(RCS) rich_content:RCSRichContent?}
MessageHierarchySmsItem {extra:*? image:(StaticSMSImage|DynamicSMSImage)? media:(MediaAsset|MediaAssetReference)? message!:string message_format:string(SMS) selected_image:ImageAsset?}
ObjectRecordDeleteJobCreateQueryResourceObject <object-record-bulk-delete-job relationships!:{object-records!->[object-record]}>
ObjectSchemaCreateQueryResourceObject <object-schema attributes!:{description:string? properties!:[APISchemaProperty] required:[string]? source-mapping:&SourceMappingCreateQueryResourceObject? status:string(active,draft)? title!:string} relationships:{object-type->object-type}>
ObjectSchemaPartialUpdateQueryResourceObject <object-schema id! attributes!:{description:string? properties:[APISchemaProperty]? required:[string]? status:string(active,draft)? title:string?}>
ObjectSchemaRelationshipCreateMeta {description:string? name!:string}
ObjectSchemaRelationshipDeleteMeta {relationship_id!:string}
ObjectSchemaRelationshipUpdateMeta {description:string? name:string? relationship_id!:string}
ObjectTypeCreateQueryResourceObject <object-type attributes!:{description:string? namespace:string? object-schema:&EmbeddedObjectSchemaResourceObject? title!:string visibility:string(private,shared)?}>
ProfileHasCustomObjectFilter {filter!:(StringOperatorStringFilter|StringArrayOperatorStringArrayFilter|NumericOperatorNumericFilter|NumericRangeFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseRelativeDateFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|ListContainsOperatorListContainsFilter|ListLengthFilter|ExistenceOperatorExistenceFilter) property_id!:integer}
ProfileRelationshipSource {id_path!:string related_id_paths!:[RelatedIdPath] source_id!:string type!:string(profile) update_strategy:string(additive,replace_from_origin)?}
PropertySource {data_path!:string id_path!:string source_id!:string}
RCSCard {buttons:[RCSSuggestion]? extra:*? id!:string image:(ImageAsset|SlimImageReference)? text:string? title:string? video:(MediaAsset|MediaAssetReference)?}
RCSRichContent {cards:[RCSCard]? file:MediaAssetReference? suggestions:[RCSSuggestion]?}
RCSSuggestion {id!:string open_mode:string(BROWSER,WEBVIEW_FULL,WEBVIEW_HALF,WEBVIEW_TALL)? text!:string type!:string(OPEN_URL,REPLY) url:string?}
RelatedIdPath {identifier_type!:string(anonymous,email,external-id,klaviyo-id,phone) path!:string}
SimplePropertyMapping {id!:integer source!:PropertySource type!:string(simple)}
SimpleRelationshipMapping {relationship_id!:string source!:(CustomObjectRelationshipSource|ProfileRelationshipSource) type!:string(simple)}
SlimImageReference {dynamic_image_template:string? rendered_asset_url:string? static_image_asset_id:integer?}
SourceMappingCreateQueryResourceObject <source-mapping attributes!:{property_mappings:[(ConstantPropertyMapping|SimplePropertyMapping)]? relationship_mappings:[SimpleRelationshipMapping]?}>
SourceMappingPartialUpdateQueryResourceObject <source-mapping id! attributes!:{property_mappings:[(ConstantPropertyMapping|SimplePropertyMapping)]? relationship_mappings:[SimpleRelationshipMapping]?}>
StaticSMSImage {dynamic:boolean(false)? static_image_asset_id!:integer}
ThrottledSendStrategy {datetime!:string/date-time method!:string(throttled) throttle_percentage!:integer(1,2,5,10,11,13,14,17,20,25,33,50)}
]=]
