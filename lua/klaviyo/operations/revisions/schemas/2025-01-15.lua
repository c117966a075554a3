-- The request documents of 2025-01-15: what differs from 2024-10-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return [=[
AbTestAction {data!:{current_experiment:{allocations!:* automatic_winner_selection_settings!:AutomaticWinnerSelectionSettings id:string? name:string? started:string/date-time? variations!:[(SendEmailAction|SendSmsAction)] winner_metric!:string(submission,unique-clicks,unique-opens,unique-placed-orders)}? experiment_status:string(completed,draft,live) main_action!:(SendEmailAction|SendSmsAction) status:string(disabled,draft,live,manual)} id:string? links:Link? temporary_id:string? type!:string(ab-test)}
Audiences {excluded:[string]? included!:[string]}
AudiencesUpdate {excluded:[string]? included:[string]?}
AutomaticWinnerSelectionSettings {automatic_end_date:string/date-time? automatic_end_statistical_certainty!:boolean enabled!:boolean}
BackInStockDelayAction {id:string? links:Link? temporary_id:string? type!:string(back-in-stock-delay)}
BaseEventCreateQueryBulkEntryResourceObject <event attributes!:{metric!:&MetricCreateQueryResourceObject properties!:* time:string/date-time? unique_id:string? value:number? value_currency:string?}>
BooleanBranchLinks {next_if_false!:string? next_if_true!:string?}
BranchAction {data:any? id:string? links:Link? temporary_id:string? type!:string(branch)}
CampaignCreateQueryResourceObject <campaign attributes!:{audiences!:Audiences campaign-messages!:&[CampaignMessageCreateQueryResourceObject] name!:string send_options:(EmailSendOptions|SMSSendOptions|PushSendOptions)? send_strategy:(StaticSendStrategy|ThrottledSendStrategy|ImmediateSendStrategy|SmartSendTimeStrategy)? tracking_options:(CampaignsEmailTrackingOptions|CampaignsSMSTrackingOptions)?}>
CampaignMessageAssignTemplateQueryResourceObject <campaign-message id! relationships!:{template!->template}>
CampaignMessageCreateQueryResourceObject <campaign-message attributes!:{definition!:(EmailMessageDefinition|SMSMessageDefinitionCreate|MobilePushMessageStandardDefinitionCreate|MobilePushMessageSilentDefinitionCreate)} relationships:{image->image}>
CampaignMessagePartialUpdateQueryResourceObject <campaign-message id! attributes!:{definition:(EmailMessageDefinition|SMSMessageDefinitionCreate|MobilePushMessageStandardDefinitionUpdate|MobilePushMessageSilentDefinitionUpdate)?} relationships:{image->image}>
CampaignPartialUpdateQueryResourceObject <campaign id! attributes!:{audiences:AudiencesUpdate? name:string? send_options:(EmailSendOptions|SMSSendOptions|PushSendOptions)? send_strategy:(StaticSendStrategy|ThrottledSendStrategy|ImmediateSendStrategy|SmartSendTimeStrategy)? tracking_options:(CampaignsEmailTrackingOptions|CampaignsSMSTrackingOptions)?}>
CampaignsEmailTrackingOptions {add_tracking_params:boolean? custom_tracking_params:[(DynamicTrackingParam|StaticTrackingParam)]? is_tracking_clicks:boolean? is_tracking_opens:boolean?}
CampaignsSMSTrackingOptions {add_tracking_params:boolean? custom_tracking_params:[(DynamicTrackingParam|StaticTrackingParam)]?}
CatalogVariantCreateQueryResourceObject <catalog-variant attributes!:{catalog_type:string? custom_metadata:*? description!:string external_id!:string image_full_url:string? image_thumbnail_url:string? images:[string]? integration_type:string($custom)? inventory_policy:integer(0,1,2)? inventory_quantity!:number price!:number published:boolean? sku!:string title!:string url!:string} relationships!:{item!->catalog-item}>
ClientBISSubscriptionCreateQueryResourceObject <back-in-stock-subscription attributes!:{channels!:[string(EMAIL,PUSH,SMS)] profile!:&ProfileIdentifierDTOResourceObject} relationships!:{variant!->catalog-variant}>
CodeAction {data:any? id:string? links:Link? temporary_id:string? type!:string(code)}
ConditionGroup {conditions!:[(ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|SegmentsProfileMetricCondition|ProfileMarketingConsentCondition|ProfilePostalCodeDistanceCondition|ProfilePropertyCondition|ProfileRegionCondition|ProfilePredictiveAnalyticsNumericCondition|ProfilePredictiveAnalyticsStringCondition)]}
ConditionalBranchAction {data:ConditionalBranchActionData? id:string? links:BooleanBranchLinks? temporary_id:string? type!:string(conditional-split)}
ConditionalBranchActionData {profile_filter!:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition)]}]}?}
CountdownDelayAction {data!:CountdownDelayActionData id:string? links:Link? temporary_id:string? type!:string(countdown-delay)}
CountdownDelayActionData {delay_until_time:string/time? delay_until_weekdays:[string(friday,monday,saturday,sunday,thursday,tuesday,wednesday)]? timezone:string unit:string(days,months,weeks) value:integer}
CouponCodeCreateQueryResourceObject <coupon-code attributes!:{expires_at:string/date-time? unique_code!:string} relationships!:{coupon!->coupon}>
CustomObjectPropertyCondition {custom_object_label!:string field!:string filter!:(StringOperatorFilter|StringArrayOperatorFilter|NumericOperatorFilter|NumericRangeFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|ListContainsOperatorFilter|ListLengthFilter|ExistenceOperatorFilter) type!:string(custom-object-property)}
EmailContent {bcc_email:string? cc_email:string? from_email:string? from_label:string? preview_text:string? reply_to_email:string? subject:string?}
EmailMessageDefinition {channel!:string(email) content:EmailContent? label:string?}
EmailSendOptions {use_smart_sending:boolean?}
EventsBulkCreateQueryResourceObject <event-bulk-create attributes!:{events!:&[BaseEventCreateQueryBulkEntryResourceObject] profile!:&OnsiteProfileCreateQueryResourceObject}>
FlowCreateQueryResourceObject <flow attributes!:{definition!:FlowDefinition name!:string}>
FlowDefinition {actions!:[(BackInStockDelayAction|ConditionalBranchAction|SendEmailAction|SendPushNotificationAction|SendSmsAction|SendWebhookAction|SendInternalAlertAction|TimeDelayAction|TriggerBranchAction|UpdateProfileAction|TargetDateAction|CountdownDelayAction|AbTestAction|InternalServiceAction|CodeAction|SplitAction|BranchAction|ListUpdateAction)] entry_action_id!:string? profile_filter:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition|ProfileNotInFlowCondition)]}]}? triggers!:[(ListTrigger|SegmentTrigger|MetricTrigger|ProfilePropertyDateTrigger|PriceDropTrigger|LowInventoryTrigger)]}
FlowEmail {add_tracking_params:boolean additional_filters:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition|ProfileHasNotReceivedEmailMessageCondition)]}]}? bcc_email!:string? cc_email!:string? custom_tracking_params:[UtmParam]? from_email!:string? from_label!:string? id:string? name:string? preview_text!:string? reply_to_email!:string? smart_sending_enabled:boolean subject_line!:string? template_id:string? transactional:boolean}
FlowInternalAlert {from_email!:string? from_label!:string? id:string? name:string? subject_line!:string? template_id:string? to_emails!:[string]}
FlowPushNotification {additional_filters:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition|ProfileHasNotReceivedPushMessageCondition)]}]}? android_link:string? badge:boolean body!:string conversion_metric_id:string? dynamic_image:string? id:string? image_id:string? ios_link:string? name:string? on_open:string(home,link) smart_sending_enabled:boolean sound:boolean title:string?}
FlowSms {add_info_link:boolean add_opt_out_language:boolean add_org_prefix:boolean add_tracking_params:boolean additional_filters:{condition_groups!:[{conditions!:[(ProfilePropertyCondition|ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|ProfileRegionCondition|ProfilePostalCodeDistanceCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsNumericCondition|ProfileMarketingConsentCondition|FlowsProfileMetricCondition|ProfileRandomSampleCondition|ProfileHasNotReceivedSmsMessageCondition)]}]}? body!:string custom_tracking_params:[UtmParam]? dynamic_image:string? id:string? image_id:string? include_contact_card:boolean name:string? shorten_links:boolean smart_sending_enabled:boolean sms_quiet_hours_enabled:boolean transactional:boolean}
FlowWebhook {body:string? headers:* id:string? name:string? url!:string?}
FlowsProfileMetricCondition {measurement!:string(count,sum) measurement_filter!:NumericOperatorFilter metric_filters:[ProfileMetricPropertyFilter]? metric_id!:string timeframe_filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|AlltimeDateFilter|SinceFlowStartDateFilter) type!:string(profile-metric)}
GreaterThanPositiveNumericFilter {operator!:string(greater-than) type!:string(numeric) value!:(integer|number)}
HasEmailMarketing {filters:[any]? subscription!:string(any)}
HasEmailMarketingNeverSubscribed {filters:[any]? subscription!:string(never_subscribed)}
ImmediateSendStrategy {method!:string(immediate)}
InTheLastBaseRelativeDateFilter {operator!:string(in-the-last) quantity!:integer type!:string(date) unit!:string(day,hour,week)}
Increment {badge_config!:string(increment_one)}
InternalServiceAction {data:any? id:string? links:Link? temporary_id:string? type!:string(internal-service)}
LessThanPositiveNumericFilter {operator!:string(less-than) type!:string(numeric) value!:(integer|number)}
Link {next!:string?}
ListTrigger {id:string? type!:string(list)}
ListUpdateAction {data!:ListUpdateActionData id:string? links:Link? temporary_id:string? type!:string(list-update)}
ListUpdateActionData {list_id!:string? name!:string on_execution!:boolean(false,true)? status:string(disabled,draft,live,manual)}
LocalStaticSend {is_local!:boolean(true) send_past_recipients_immediately:boolean}
LowInventoryCondition {field!:string filter!:(StringOperatorFilter|StringArrayOperatorFilter|NumericOperatorFilter|NumericRangeFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|ListContainsOperatorFilter|ListLengthFilter|ExistenceOperatorFilter) metric_id!:string? type!:string(low-inventory-property)}
LowInventoryConditionFilter {condition_groups!:[LowInventoryConditionGroup]}
LowInventoryConditionGroup {conditions!:[LowInventoryCondition]}
LowInventoryTrigger {audience!:[string(added-to-cart,checkout-started,viewed)] inventory_count!:integer product_level!:string(product,variant) timeframe_days:integer trigger_filter!:LowInventoryConditionFilter? type!:string(low-inventory)}
MetricAggregateQueryResourceObject <metric-aggregate attributes!:{by:[string("Bot Click","Bounce Type","Campaign Name","Client Canonical","Client Name","Client Type","Email Domain","Failure Source","Failure Type","From Number","From Phone Region","Inbox Provider","Message Name","Message Type","To Number","To Phone Region",$attributed_channel,$attributed_flow,$attributed_message,$attributed_variation,$campaign_channel,$flow,$flow_channel,$message,$message_send_cohort,$value_currency,$variation,$variation_send_cohort,List,Method,Subject,URL,form_id)]? filter!:[string] interval:string(day,hour,month,week)? measurements!:[string(count,sum_value,unique)] metric_id!:string page_cursor:string page_size:integer? return_fields:[string]? sort:string("-Bot Click","-Bounce Type","-Campaign Name","-Client Canonical","-Client Name","-Client Type","-Email Domain","-Failure Source","-Failure Type","-From Number","-From Phone Region","-Inbox Provider","-Message Name","-Message Type","-To Number","-To Phone Region","Bot Click","Bounce Type","Campaign Name","Client Canonical","Client Name","Client Type","Email Domain","Failure Source","Failure Type","From Number","From Phone Region","Inbox Provider","Message Name","Message Type","To Number","To Phone Region",$attributed_channel,$attributed_flow,$attributed_message,$attributed_variation,$campaign_channel,$flow,$flow_channel,$message,$message_send_cohort,$value_currency,$variation,$variation_send_cohort,-$attributed_channel,-$attributed_flow,-$attributed_message,-$attributed_variation,-$campaign_channel,-$flow,-$flow_channel,-$message,-$message_send_cohort,-$value_currency,-$variation,-$variation_send_cohort,-List,-Method,-Subject,-URL,-count,-form_id,-sum_value,-unique,List,Method,Subject,URL,count,form_id,sum_value,unique) timezone:string?}>
MetricPropertyCondition {field!:string filter!:(StringOperatorFilter|StringArrayOperatorFilter|NumericOperatorFilter|NumericRangeFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|ListContainsOperatorFilter|ListLengthFilter|ExistenceOperatorFilter) metric_id!:string type!:string(metric-property)}
MetricPropertyConditionFilter {condition_groups!:[MetricPropertyConditionGroup]}
MetricPropertyConditionGroup {conditions!:[MetricPropertyCondition]}
MetricTrigger {id:string? trigger_filter:MetricPropertyConditionFilter? type!:string(metric)}
MobilePushBadge {badge_options:(Increment|StaticCount|Property)? display!:boolean(true)}
MobilePushContentCreate {body!:string dynamic_image:string? title:string?}
MobilePushContentUpdate {body:string? dynamic_image:string? title:string?}
MobilePushMessageSilentDefinitionCreate {channel!:string(mobile_push) kv_pairs:*? notification_type:string(silent)}
MobilePushMessageSilentDefinitionUpdate {channel!:string(mobile_push) kv_pairs:* notification_type:string(silent)}
MobilePushMessageStandardDefinitionCreate {channel!:string(mobile_push) content!:MobilePushContentCreate kv_pairs:*? notification_type:string(standard) options:MobilePushOptions?}
MobilePushMessageStandardDefinitionUpdate {channel!:string(mobile_push) content:MobilePushContentUpdate? kv_pairs:*? notification_type:string(standard) options:MobilePushOptions?}
MobilePushNoBadge {display!:boolean(false)}
MobilePushOptions {badge:(MobilePushBadge|MobilePushNoBadge)? on_open:(PushOnOpenApp|PushOnOpenDeepLink)? play_sound:boolean?}
NonLocalStaticSend {is_local!:boolean(false)}
NumericRangeFilter {end!:(integer|number) operator!:string(between) start!:(integer|number) type!:string(numeric)}
OnsiteSubscriptionCreateQueryResourceObject <subscription attributes!:{custom_source:string? profile!:&ProfileUpsertQueryWithSubscriptionsResourceObject} relationships!:{list!->list}>
PriceDropCondition {field!:string filter!:(StringOperatorFilter|StringArrayOperatorFilter|NumericOperatorFilter|NumericRangeFilter|BooleanFilter|StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|CalendarDateFilter|AnniversaryDateFilter|ListContainsOperatorFilter|ListLengthFilter|ExistenceOperatorFilter) metric_id!:string? type!:string(price-drop-property)}
PriceDropConditionFilter {condition_groups!:[PriceDropConditionGroup]}
PriceDropConditionGroup {conditions!:[PriceDropCondition]}
PriceDropTrigger {audience!:[string(checkout-started,viewed)] currency_type:string(usd) price_drop_amount_unit:string(currency,percent) price_drop_amount_value!:(integer|number) timeframe_days:integer trigger_filter!:PriceDropConditionFilter? type!:string(price-drop)}
ProfileHasNotReceivedEmailMessageCondition {timeframe_filter!:(AlltimeDateFilter|InTheLastBaseRelativeDateFilter) type!:string(profile-not-sent-email)}
ProfileHasNotReceivedPushMessageCondition {timeframe_filter!:(AlltimeDateFilter|InTheLastBaseRelativeDateFilter) type!:string(profile-not-sent-push)}
ProfileHasNotReceivedSmsMessageCondition {timeframe_filter!:(AlltimeDateFilter|InTheLastBaseRelativeDateFilter) type!:string(profile-not-sent-sms)}
ProfileMergeQueryResourceObject <profile-merge id! relationships!:{profiles!->[profile]}>
ProfileNotInFlowCondition {timeframe_filter!:(AlltimeDateFilter|InTheLastBaseRelativeDateFilter) type!:string(profile-not-in-flow)}
ProfileOperationDelete {operator!:string(delete) property_key!:string}
ProfileOperationUpdateOrCreateBoolean {operator!:string(create,update) property_key!:string property_type!:string(boolean) property_value!:boolean}
ProfileOperationUpdateOrCreateDate {operator!:string(create,update) property_key!:string property_type!:string(date) property_value!:(string/date|string(today))}
ProfileOperationUpdateOrCreateList {operator!:string(create,update) property_key!:string property_operation:string(add,remove)? property_type!:string(list) property_value!:string}
ProfileOperationUpdateOrCreateNumeric {operator!:string(create,update) property_key!:string property_type!:string(numeric) property_value!:(integer|number)}
ProfileOperationUpdateOrCreateString {operator!:string(create,update) property_key!:string property_type!:string(string) property_value!:string}
ProfilePostalCodeDistanceCondition {country_code!:string filter!:(GreaterThanPositiveNumericFilter|LessThanPositiveNumericFilter) postal_code!:string type!:string(profile-postal-code-distance) unit!:string(kilometers,miles)}
ProfilePropertyDateTrigger {date_field_type!:string(profile-property) date_profile_property!:string recurrence_frequency:string(annually,monthly,never,weekly) timedelta_unit_before_date:string(days,months,weeks) timedelta_value_before_date!:integer timezone:string trigger_days:[string(friday,monday,saturday,sunday,thursday,tuesday,wednesday)]? trigger_time!:string/time type!:string(date)}
ProfileRandomSampleCondition {percentage!:integer type!:string(profile-sample)}
ProfileSubscriptionCreateQueryResourceObject <profile id attributes!:{age_gated_date_of_birth:string/date? email:string? phone_number:string? subscriptions!:SubscriptionChannels}>
ProfileSubscriptionDeleteQueryResourceObject <profile attributes!:{email:string? phone_number:string? subscriptions!:UnsubscriptionChannels}>
ProfileUpsertQueryWithSubscriptionsResourceObject <profile id attributes!:{_kx:string? anonymous_id:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? meta:ProfileMeta? organization:string? phone_number:string? properties:*? subscriptions:SubscriptionChannels? title:string?}>
Property {badge_config!:string(set_property) set_from_property!:string}
PushOnOpenApp {type!:string(open_app)}
PushOnOpenDeepLink {android_deep_link:string? ios_deep_link:string? type!:string(deep_link)}
PushSendOptions {use_smart_sending:boolean?}
RejectReasonFake {reason!:string(fake)}
RejectReasonMisleading {reason!:string(false_or_misleading)}
RejectReasonOther {reason!:string(other) status_explanation:string?}
RejectReasonPrivateInformation {reason!:string(private_information)}
RejectReasonProfanity {reason!:string(profanity_or_inappropriate)}
RejectReasonUnrelated {reason!:string(unrelated)}
RenderOptions {add_info_link:boolean? add_opt_out_language:boolean? add_org_prefix:boolean? shorten_links:boolean?}
ReviewPatchQueryResourceObject <review id! attributes!:{status:(ReviewStatusRejected|ReviewStatusFeatured|ReviewStatusPublished|ReviewStatusUnpublished|ReviewStatusPending)?}>
ReviewStatusFeatured {value!:string(featured)}
ReviewStatusPending {value!:string(pending)}
ReviewStatusPublished {value!:string(published)}
ReviewStatusRejected {rejection_reason!:(RejectReasonOther|RejectReasonFake|RejectReasonMisleading|RejectReasonPrivateInformation|RejectReasonProfanity|RejectReasonUnrelated) value!:string(rejected)}
ReviewStatusUnpublished {value!:string(unpublished)}
SMSContentCreate {body:string?}
SMSMessageDefinitionCreate {channel!:string(sms) content:SMSContentCreate? render_options:RenderOptions?}
SMSSendOptions {use_smart_sending:boolean?}
SegmentTrigger {id:string? type!:string(segment)}
SegmentsProfileMetricCondition {measurement!:string(count,sum) measurement_filter!:NumericOperatorFilter metric_filters:[ProfileMetricPropertyFilter]? metric_id!:string timeframe_filter!:(StaticDateFilter|StaticDateRangeFilter|RelativeDateOperatorBaseFilter|RelativeAnniversaryDateFilter|RelativeDateRangeFilter|AlltimeDateFilter) type!:string(profile-metric)}
SendEmailAction {data:SendEmailActionData? id:string? links:Link? temporary_id:string? type!:string(send-email)}
SendEmailActionData {message!:FlowEmail status:string(disabled,draft,live,manual)}
SendInternalAlertAction {data:SendInternalAlertActionData? id:string? links:Link? temporary_id:string? type!:string(send-internal-alert)}
SendInternalAlertActionData {message!:FlowInternalAlert status:string(disabled,draft,live,manual)}
SendPushNotificationAction {data:SendPushNotificationActionData? id:string? links:Link? temporary_id:string? type!:string(send-mobile-push)}
SendPushNotificationActionData {message!:FlowPushNotification status:string(disabled,draft,live,manual)}
SendSmsAction {data:SendSmsActionData? id:string? links:Link? temporary_id:string? type!:string(send-sms)}
SendSmsActionData {message!:FlowSms status:string(disabled,draft,live,manual)}
SendWebhookAction {data:SendWebhookActionData? id:string? links:Link? temporary_id:string? type!:string(send-webhook)}
SendWebhookActionData {message!:FlowWebhook status:string(disabled,draft,live,manual)}
ServerBISSubscriptionCreateQueryResourceObject <back-in-stock-subscription attributes!:{channels!:[string(EMAIL,PUSH,SMS)] profile:&ProfileIdentifierDTOResourceObject?} relationships!:{variant!->catalog-variant}>
SinceFlowStartDateFilter {operator!:string(flow-start) type!:string(date)}
SmartSendTimeStrategy {date!:string/date method!:string(smart_send_time)}
SplitAction {id:string? links:SplitLinks? temporary_id:string? type!:string(split)}
SplitLinks {next!:[string]}
StaticCount {badge_config!:string(set_count) value!:string}
StaticSendStrategy {datetime!:string/date-time method!:string(static) options:(LocalStaticSend|NonLocalStaticSend)?}
TargetDateAction {data!:TargetDateActionData id:string? links:Link? temporary_id:string? type!:string(target-date)}
TargetDateActionData {target_days:[string(friday,monday,saturday,sunday,thursday,tuesday,wednesday)]? target_time:string/time timezone:string}
TemplateCreateQueryResourceObject <template attributes!:{amp:string? editor_type!:string html:string? name!:string text:string?}>
TemplateUpdateQueryResourceObject <template id! attributes!:{amp:string? html:string? name:string? text:string?}>
ThrottledSendStrategy {datetime!:string/date-time method!:string(throttled) throttle_percentage!:integer(10,11,13,14,17,20,25,33,50)}
TimeDelayAction {data!:TimeDelayActionData id:string? links:Link? temporary_id:string? type!:string(time-delay)}
TimeDelayActionData {delay_until_time:string/time? delay_until_weekdays:[string(friday,monday,saturday,sunday,thursday,tuesday,wednesday)]? secondary_value:integer? timezone:string unit:string(days,hours,minutes) value!:integer}
TriggerBranchAction {data:TriggerBranchActionData? id:string? links:BooleanBranchLinks? temporary_id:string? type!:string(trigger-split)}
TriggerBranchActionData {trigger_filter!:{condition_groups!:[{conditions!:[(MetricPropertyCondition|CustomObjectPropertyCondition|PriceDropCondition|LowInventoryCondition)]}]}? trigger_id!:string trigger_subtype:string(custom-object,legacy-custom-object,profile-property,profile-trait)? trigger_type!:string(date,list,low-inventory,metric,price-drop,scheduled,segment)}
UpdateProfileAction {data:UpdateProfileActionData? id:string? links:Link? temporary_id:string? type!:string(update-profile)}
UpdateProfileActionData {profile_operations!:[(ProfileOperationUpdateOrCreateString|ProfileOperationUpdateOrCreateBoolean|ProfileOperationUpdateOrCreateNumeric|ProfileOperationUpdateOrCreateDate|ProfileOperationUpdateOrCreateList|ProfileOperationDelete)] status:string(disabled,draft,live,manual)}
UtmParam {param!:string value!:string}
WebhookCreateQueryResourceObject <webhook attributes!:{description:string? endpoint_url!:string name!:string secret_key!:string} relationships!:{webhook-topics!->[webhook-topic]}>
AudiencesSubObject -
BaseEventCreateQueryResourceObject -
EmailContentSubObject -
EmailSendOptionsSubObject -
EmailTrackingOptionsSubObject -
OnsiteSubscriptionCreateQueryDeprecatedOct24ResourceObject -
ProfileMetricCondition -
RenderOptionsSubObject -
SMSContentSubObjectCreate -
SMSSendOptionsSubObject -
SMSTrackingOptionsSubObject -
STOScheduleOptions -
SendStrategySubObject -
StaticScheduleOptions -
ThrottledScheduleOptions -
UnionPositiveNumericFilter -
]=]
