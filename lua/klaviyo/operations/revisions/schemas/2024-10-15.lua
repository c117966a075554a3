-- The request documents of 2024-10-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return [=[
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
]=]
