-- The API of 2025-10-15, as far as it differs from 2025-07-15. Made by tools/catalogue.lua:
-- edit that, not this. The notation: klaviyo/catalogue/notation.lua.
return {
  date = "2025-10-15",
  follows = "2025-07-15",
  operations = [=[
clone_template POST /api/template-clone 201+ template limit=75/s,700/m scope=templates:write alias=create_template_clone body=&TemplateCloneQueryResourceObject
create_form POST /api/forms 201+ form limit=3/s,60/m scope=forms:write body=&FormCreateQueryResourceObject
create_template POST /api/templates 201+ template limit=75/s,700/m scope=templates:write body=&TemplateCreateQueryResourceObject
create_universal_content POST /api/template-universal-content 201+ template-universal-content limit=75/s,700/m scope=templates:write alias=create_template_universal_content body=&UniversalContentCreateQueryResourceObject
delete_template DELETE /api/templates/{id} 204 - limit=75/s,700/m scope=templates:write
delete_universal_content DELETE /api/template-universal-content/{id} 204 - limit=75/s,700/m scope=templates:write alias=delete_template_universal_content
get_all_universal_content GET /api/template-universal-content 200+ template-universal-content[] limit=75/s,700/m scope=templates:read page=cursor:20:1..100 fields=template-universal-content sort=created,id,name,updated filter=created(>=,>,<=,<),definition.content_type(=),definition.type(=),id(any,=),name(any,=),updated(>=,>,<=,<) alias=get_template_universal_content
get_form GET /api/forms/{id} 200+ form limit=3/s,60/m scope=forms:read fields=form.2
get_profile_ids_for_segment GET /api/segments/{id}/relationships/profiles 200+ profile[] limit=75/s,700/m scope=profiles:read,segments:read page=cursor:20:1..100 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),profile_id(any,=),push_token(any,=) alias=get_segment_relationships_profiles
get_profiles_for_segment GET /api/segments/{id}/profiles 200+ profile[] limit=75/s,700/m scope=profiles:read,segments:read page=cursor:20:1..100 additional-fields[profile]=predictive_analytics,subscriptions fields=profile.3 sort=joined_group_at filter=_kx(=),email(any,=),joined_group_at(>=,>,<=,<),phone_number(any,=),profile_id(any,=),push_token(any,=) alias=get_segment_profiles
get_template GET /api/templates/{id} 200+ template limit=75/s,700/m scope=templates:read fields=template
get_templates GET /api/templates 200+ template[] limit=75/s,700/m scope=templates:read page=cursor fields=template sort=created,id,name,updated filter=created(=,>=,>,<=,<),id(any,=),name(any,contains,=),updated(=,>=,>,<=,<)
get_universal_content GET /api/template-universal-content/{id} 200+ template-universal-content limit=75/s,700/m scope=templates:read fields=template-universal-content
update_flow_action PATCH /api/flow-actions/{id} 200+ flow-action limit=3/s,60/m scope=flows:write body=&FlowActionUpdateQueryResourceObject
update_template PATCH /api/templates/{id} 200+ template limit=75/s,700/m scope=templates:write body=&TemplateUpdateQueryResourceObject
update_universal_content PATCH /api/template-universal-content/{id} 200+ template-universal-content limit=75/s,700/m scope=templates:write alias=update_template_universal_content body=&UniversalContentPartialUpdateQueryResourceObject
]=],
  fields = [=[
flow-action created,definition,definition.data,definition.data.action_output_filter,definition.data.action_output_filter.condition_groups,definition.data.current_experiment,definition.data.current_experiment.allocations,definition.data.current_experiment.automatic_winner_selection_settings,definition.data.current_experiment.automatic_winner_selection_settings.automatic_end_date,definition.data.current_experiment.automatic_winner_selection_settings.automatic_end_statistical_certainty,definition.data.current_experiment.automatic_winner_selection_settings.enabled,definition.data.current_experiment.id,definition.data.current_experiment.name,definition.data.current_experiment.started,definition.data.current_experiment.variations,definition.data.current_experiment.winner_metric,definition.data.delay_until_time,definition.data.delay_until_weekdays,definition.data.experiment_status,definition.data.list_id,definition.data.main_action,definition.data.main_action.data,definition.data.main_action.data.message,definition.data.main_action.data.message.add_info_link,definition.data.main_action.data.message.add_opt_out_language,definition.data.main_action.data.message.add_org_prefix,definition.data.main_action.data.message.add_tracking_params,definition.data.main_action.data.message.additional_filters,definition.data.main_action.data.message.additional_filters.condition_groups,definition.data.main_action.data.message.bcc_email,definition.data.main_action.data.message.body,definition.data.main_action.data.message.cc_email,definition.data.main_action.data.message.custom_tracking_params,definition.data.main_action.data.message.dynamic_image,definition.data.main_action.data.message.from_email,definition.data.main_action.data.message.from_label,definition.data.main_action.data.message.id,definition.data.main_action.data.message.image_id,definition.data.main_action.data.message.include_contact_card,definition.data.main_action.data.message.name,definition.data.main_action.data.message.preview_text,definition.data.main_action.data.message.reply_to_email,definition.data.main_action.data.message.shorten_links,definition.data.main_action.data.message.smart_sending_enabled,definition.data.main_action.data.message.sms_quiet_hours_enabled,definition.data.main_action.data.message.subject_line,definition.data.main_action.data.message.template_id,definition.data.main_action.data.message.transactional,definition.data.main_action.data.status,definition.data.main_action.id,definition.data.main_action.links,definition.data.main_action.links.next,definition.data.main_action.temporary_id,definition.data.main_action.type,definition.data.message,definition.data.message.add_info_link,definition.data.message.add_opt_out_language,definition.data.message.add_org_prefix,definition.data.message.add_tracking_params,definition.data.message.additional_filters,definition.data.message.additional_filters.condition_groups,definition.data.message.android_link,definition.data.message.badge,definition.data.message.badge_options,definition.data.message.badge_options.badge_config,definition.data.message.badge_options.set_from_property,definition.data.message.badge_options.value,definition.data.message.bcc_email,definition.data.message.body,definition.data.message.cc_email,definition.data.message.conversion_metric_id,definition.data.message.custom_tracking_params,definition.data.message.dynamic_image,definition.data.message.from_email,definition.data.message.from_label,definition.data.message.headers,definition.data.message.id,definition.data.message.image_id,definition.data.message.include_contact_card,definition.data.message.ios_link,definition.data.message.name,definition.data.message.on_open,definition.data.message.preview_text,definition.data.message.reply_to_email,definition.data.message.shorten_links,definition.data.message.smart_sending_enabled,definition.data.message.sms_quiet_hours_enabled,definition.data.message.sound,definition.data.message.subject_line,definition.data.message.template_id,definition.data.message.title,definition.data.message.to_emails,definition.data.message.transactional,definition.data.message.url,definition.data.message.vendor_id,definition.data.name,definition.data.on_execution,definition.data.profile_filter,definition.data.profile_filter.condition_groups,definition.data.profile_operations,definition.data.secondary_value,definition.data.status,definition.data.target_days,definition.data.target_time,definition.data.timezone,definition.data.trigger_filter,definition.data.trigger_filter.condition_groups,definition.data.trigger_id,definition.data.trigger_subtype,definition.data.trigger_type,definition.data.unit,definition.data.value,definition.id,definition.links,definition.links.next,definition.links.next_if_false,definition.links.next_if_true,definition.temporary_id,definition.type,updated
flow-message created,definition,definition.add_info_link,definition.add_opt_out_language,definition.add_org_prefix,definition.add_tracking_params,definition.additional_filters,definition.additional_filters.condition_groups,definition.android_link,definition.badge,definition.badge_options,definition.badge_options.badge_config,definition.badge_options.set_from_property,definition.badge_options.value,definition.bcc_email,definition.body,definition.cc_email,definition.conversion_metric_id,definition.custom_tracking_params,definition.dynamic_image,definition.from_email,definition.from_label,definition.headers,definition.id,definition.image_id,definition.include_contact_card,definition.ios_link,definition.name,definition.on_open,definition.preview_text,definition.reply_to_email,definition.shorten_links,definition.smart_sending_enabled,definition.sms_quiet_hours_enabled,definition.sound,definition.subject_line,definition.template_id,definition.title,definition.to_emails,definition.transactional,definition.url,definition.vendor_id,updated
form.2 ab_test,created_at,definition,definition.versions,name,status,updated_at
]=],
  schemas = [=[
AdditionalField {name!:string value!:string}
AfterCloseTimeout {id:string? properties:AfterCloseTimeoutProperties type!:string(after_close_or_submit_timeout)}
AfterCloseTimeoutProperties {timeout_days:integer}
AgeGate {display_device:[string(both,desktop,mobile)] id:string? properties!:AgeGateProperties styles:AgeGateStyles type!:string(age_gate)}
AgeGateProperties {date_format:string display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name:string($age_gated_date_of_birth) required:boolean(true) show_label:boolean sms_country_code:string(AT,AU,CH,DE,ES,FR,GB,IE,IT,PT,US)}
AgeGateStyles {background_color:string? padding:Padding}
BackInStock {id:string? properties:BackInStockProperties type!:string(back_in_stock)}
BackInStockDynamicButtonBorderStyles {color:string enabled:boolean style:string(dashed,dotted,solid)? width:integer}
BackInStockDynamicButtonData {button_styles:BackInStockDynamicButtonStyles display:string(NEXT_TO,REPLACE) label:string text_styles:BackInStockDynamicButtonTextStyles}
BackInStockDynamicButtonDropShadowStyles {color:string enabled:boolean}
BackInStockDynamicButtonStyles {alignment:string(center,left,right) border:BackInStockDynamicButtonBorderStyles border_radius:integer color:string drop_shadow:BackInStockDynamicButtonDropShadowStyles height:integer width:string(fitToText,fullWidth)}
BackInStockDynamicButtonTextStyles {font_color:string font_family:(string("Arial Black,Arial","Arial, 'Helvetica Neue', Helvetica, sans-serif","Century Gothic,AppleGothic,Arial","Comic Sans MS,Comic Sans,cursive","Courier New","Geneva,Arial","Helvetica,Arial","Lucida Grande,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","MS Serif,Georgia","New York,Georgia","Palatino Linotype,Palatino,Georgia","Palatino,Georgia","Tahoma,sans-serif","Times New Roman","Trebuchet MS",Courier,Georgia,Verdana)|string) font_size:integer font_style:string? font_weight:integer(100,200,300,400,500,600,700,800,900)? letter_spacing:integer text_decoration:string?}
BackInStockEmailConsentCheckbox {id:string? properties!:BackInStockEmailConsentCheckboxProperties styles:BackInStockEmailConsentCheckboxStyles type!:string(bis_promotional_email_checkbox)}
BackInStockEmailConsentCheckboxProperties {checkbox_text!:string display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:null? property_name:string(opt_in_promotional_email) required:boolean(false) show_label:boolean}
BackInStockEmailConsentCheckboxStyles {background_color:string? horizontal_alignment:string(center,left,right) padding:Padding}
BackInStockProperties {tag_allowlist:[string] tag_blocklist:[string]}
BackgroundImage {properties!:ImageAssetProperties styles:BackgroundImageStyles}
BackgroundImageStyles {custom_width:integer? horizontal_alignment:string(center,left,right) position:string(contain,cover,custom) vertical_alignment:string(bottom,center,top) width:integer?}
BannerStyles {desktop_position:string(bottom,top) mobile_position:string(bottom,top) scroll_with_page:boolean}
BorderStyle {color:string? radius:integer style:string(dashed,dotted,solid)? thickness:integer?}
Button {action:(Close|NextStep|OpenForm|PromotionalSMSSubscription|Redirect|ResendOptInCode|SubmitOptInCode|SubscribeViaSMS|SubscribeViaWhatsApp|GoToInbox|SubmitBackInStock) id:string? properties!:ButtonProperties styles:ButtonStyles type!:string(button)}
ButtonProperties {additional_fields:[AdditionalField]? display_device:[string(both,desktop,mobile)] label!:string}
ButtonStyles {background_color:string? border_styles:BorderStyle color:string? height:integer hover_background_color:string? hover_text_color:string? padding:Padding text_styles:TextStyle width:string(fill,fit)}
CampaignValuesRequestDTOResourceObject <campaign-values-report attributes!:{conversion_metric_id!:string filter:string? group_by:[string(campaign_id,campaign_message_id,send_channel)]? statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,message_segment_count_sum,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,text_message_credit_usage_amount,text_message_roi,text_message_spend,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
CartItemCount {id:string? properties:CartItemCountProperties type!:string(cart_item_count)}
CartItemCountProperties {comparison:string(equals,greater_than,less_than)? value:integer?}
CartProduct {id:string? properties:CartProductProperties type!:string(cart_product)}
CartProductProperties {type:string(brand,categories,id,name)? value:string?}
CartValue {id:string? properties:CartValueProperties type!:string(cart_value)}
CartValueProperties {comparison:string(equals,greater_than,less_than)? value:number?}
Channel {id:string? properties!:ChannelProperties type!:string(channel)}
ChannelProperties {channel!:string(email,sms)}
ChannelSettings {sms:PhoneNumberConsentChannelSettings whatsapp:PhoneNumberConsentChannelSettings}
Checkboxes {id:string? properties!:CheckboxesProperties styles:CheckboxesStyles type!:string(checkboxes)}
CheckboxesProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? options!:[PropertyOption] placeholder:string? property_name!:string required:boolean? show_label:boolean}
CheckboxesStyles {alignment:string(center,left,right) arrangement:string(horizontal,vertical) background_color:string? padding:Padding}
Close {id:string? properties:CloseProperties? submit!:boolean type!:string(close)}
CloseButtonStyle {background_color:string color:string margin:Margin outline_color:string size:integer stroke:number}
CloseProperties {list_id:string?}
Column {id:string? rows:[Row] styles:ColumnStyles?}
ColumnStyles {background_color:string? background_image:BackgroundImage?}
ConditionGroup {conditions!:[(ProfileHasGroupMembershipCondition|ProfileNoGroupMembershipCondition|SegmentsProfileMetricCondition|ProfileMarketingConsentCondition|ProfilePostalCodeDistanceCondition|ProfilePropertyCondition|ProfileRegionCondition|ProfilePredictiveAnalyticsDateCondition|ProfilePredictiveAnalyticsNumericCondition|ProfilePredictiveAnalyticsStringCondition|ProfilePredictiveAnalyticsChannelAffinityPriorityCondition|ProfilePredictiveAnalyticsChannelAffinityRankCondition|ProfilePermissionsCondition|SegmentsProfileMetricFunnelCondition)]}
CountdownTimer {id:string? properties!:CountdownTimerProperties styles:CountdownTimerStyles type!:string(countdown_timer)}
CountdownTimerProperties {animation:string(flash,heartbeat,pulse)? clock_face:string(flip,simple) configuration!:(FixedTimerConfiguration|VariableTimerConfiguration) display_device:[string(both,desktop,mobile)]}
CountdownTimerStyles {background_color:string? card_color:string label_font_size:integer label_font_weight:integer(100,200,300,400,500,600,700,800,900) padding:Padding text_styles:TextStyle}
Coupon {id:string? properties!:CouponProperties styles:CouponStyles type!:string(coupon)}
CouponProperties {coupon!:(UniqueCouponConfig|StaticCouponConfig) display_device:[string(both,desktop,mobile)] success_message:string?}
CouponStyles {background_color:string? border_styles:BorderStyle? coupon_background_color:string? padding:Padding text_styles:TextStyle}
CustomJavascript {id:string? properties:* type!:string(custom_javascript)}
Date {id:string? properties!:DateProperties styles:DateStyles type!:string(date)}
DateProperties {date_format:string display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name!:string required:boolean? show_label:boolean}
DateStyles {background_color:string? padding:Padding}
Delay {id:string? properties:DelayProperties type!:string(delay)}
DelayProperties {seconds:integer}
Device {id:string? properties:DeviceProperties type!:string(device)}
DeviceProperties {device:string(both,desktop,mobile)}
DropShadow {blur:integer color:string? enabled:boolean}
Dropdown {id:string? properties!:DropdownProperties styles:DropdownStyles type!:string(dropdown)}
DropdownProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? options!:[PropertyOption] placeholder:string? property_name!:string required:boolean? show_label:boolean}
DropdownStyles {background_color:string? padding:Padding}
DynamicButton {data!:BackInStockDynamicButtonData id:string? type!:string(BACK_IN_STOCK_OPEN)}
Email {id:string? properties!:EmailProperties styles:EmailStyles type!:string(email)}
EmailProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name:string($email) required:boolean? show_label:boolean}
EmailStyles {background_color:string? padding:Padding}
ErrorMessages {invalid:string required:string}
ExitIntent {id:string? properties:* type!:string(exit_intent)}
FixedTimerConfiguration {end_time:string/date-time? timezone!:string type!:string(fixed)}
FlowActionUpdateQueryResourceObject <flow-action id! attributes!:{definition!:(ActionOutputSplitAction|BackInStockDelayAction|ConditionalBranchAction|ContentExperimentAction|SendEmailAction|SendPushNotificationAction|SendSmsAction|SendWebhookAction|SendInternalAlertAction|SendWhatsAppAction|TimeDelayAction|TriggerBranchAction|UpdateProfileAction|TargetDateAction|CountdownDelayAction|AbTestAction|InternalServiceAction|CodeAction|SplitAction|BranchAction|ListUpdateAction)}>
FlowSeriesRequestDTOResourceObject <flow-series-report attributes!:{conversion_metric_id!:string filter:string? group_by:[string(flow_id,flow_message_id,send_channel)]? interval!:string(daily,hourly,monthly,weekly) statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,message_segment_count_sum,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,text_message_credit_usage_amount,text_message_roi,text_message_spend,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
FlowValuesRequestDTOResourceObject <flow-values-report attributes!:{conversion_metric_id!:string filter:string? group_by:[string(flow_id,flow_message_id,send_channel)]? statistics!:[string(average_order_value,bounce_rate,bounced,bounced_or_failed,bounced_or_failed_rate,click_rate,click_to_open_rate,clicks,clicks_unique,conversion_rate,conversion_uniques,conversion_value,conversions,delivered,delivery_rate,failed,failed_rate,message_segment_count_sum,open_rate,opens,opens_unique,recipients,revenue_per_recipient,spam_complaint_rate,spam_complaints,text_message_credit_usage_amount,text_message_roi,text_message_spend,unsubscribe_rate,unsubscribe_uniques,unsubscribes)] timeframe!:(Timeframe|CustomTimeframe)}>
FormCreateQueryResourceObject <form attributes!:{ab_test!:boolean definition!:FormDefinition name!:string status!:string(draft,live)}>
FormDefinition {versions!:[Version]}
GoToInbox {id:string? properties:null? submit:boolean(true) type!:string(go_to_inbox)}
HTMLText {id:string? properties:HTMLTextProperties styles:HTMLTextStyles type!:string(html_text)}
HTMLTextProperties {content:string display_device:[string(both,desktop,mobile)]}
HTMLTextStyles {background_color:string? padding:Padding}
IdentifiedProfiles {id:string? properties:* type!:string(identified_profiles)}
Image {action:(Close|NextStep|OpenForm|PromotionalSMSSubscription|Redirect|ResendOptInCode|SubmitOptInCode|SubscribeViaSMS|SubscribeViaWhatsApp|GoToInbox|SubmitBackInStock)? id:string? properties!:ImageProperties styles:ImageStyles type!:string(image)}
ImageAssetProperties {alt_text:string? asset_id:integer? id:integer? original_image_url:string? src:string?}
ImageProperties {additional_fields:[AdditionalField]? display_device:[string(both,desktop,mobile)] image!:ImageAssetProperties?}
ImageStyles {background_color:string? horizontal_alignment:string(center,left,right) padding:Padding width:integer?}
InputStyles {background_color:string border_color:string border_focus_color:string corner_radius:integer field_height:integer focus_outline_color:string label_color:string placeholder_color:string text_color:string text_styles:TextStyle}
LinkStyles {color:string decoration:string(underline)}
ListCreateQueryResourceObject <list attributes!:{name!:string opt_in_process:string(double_opt_in,single_opt_in)?}>
ListPartialUpdateQueryResourceObject <list id! attributes!:{name:string? opt_in_process:string(double_opt_in,single_opt_in)?}>
ListsAndSegments {id:string? properties!:ListsAndSegmentsProperties type!:string(lists_and_segments)}
ListsAndSegmentsProperties {allow_list:[string]? deny_list:[string]?}
Location {id:string? properties!:LocationProperties type!:string(location)}
LocationProperties {allow_list:[(string(con_AF,con_AS,con_EU,con_EUP,con_NA,con_OC,con_SA)|string)]? deny_list:[(string(con_AF,con_AS,con_EU,con_EUP,con_NA,con_OC,con_SA)|string)]?}
Margin {bottom:integer left:integer right:integer top:integer}
MobileOverlay {color:string? enabled:boolean(false)}
NextStep {id:string? properties:NextStepProperties? submit!:boolean type!:string(next_step)}
NextStepProperties {list_id:string?}
OpenForm {id:string? properties!:OpenFormProperties submit:boolean(true) type!:string(open_form)}
OpenFormProperties {close_form:boolean form_id_to_open!:string}
OptInCode {id:string? properties!:OptInCodeProperties styles:OptInCodeStyles type!:string(opt_in_code)}
OptInCodeProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name:string(opt_in_code) required:boolean(true) show_label:boolean}
OptInCodeStyles {background_color:string? padding:Padding}
Padding {bottom:integer left:integer right:integer top:integer}
PageVisits {id:string? properties:PageVisitsProperties type!:string(page_visits)}
PageVisitsProperties {pages:integer}
PhoneNumber {id:string? properties!:PhoneNumberProperties styles:PhoneNumberStyles type!:string(phone_number)}
PhoneNumberConsentChannelSettings {consent_type:string(phone_number_only,promotional,transactional)?}
PhoneNumberProperties {channel_settings:ChannelSettings? display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name:string required:boolean? show_label:boolean sms_consent_type:[string(phone_number_only,promotional,transactional)]?}
PhoneNumberStyles {background_color:string? padding:Padding}
PreviouslySubmitted {id:string? properties:* type!:string(previously_submitted)}
ProfileEventTracked {id:string? properties!:ProfileEventTrackedProperties type!:string(profile_event_tracked)}
ProfileEventTrackedProperties {metric!:string}
ProfileIdentifierDTOResourceObject <profile id attributes!:{email:string? external_id:string? phone_number:string?}>
ProfileMetricFunnelSteps {metric_exists!:boolean metric_filters:[ProfileMetricPropertyFilter]? metric_id!:string}
ProfilePartialUpdateQueryResourceObject <profile id! attributes!:{email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?} meta:ProfileMeta?>
ProfileUpsertQueryResourceObject <profile id attributes!:{_kx:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? organization:string? phone_number:string? properties:*? title:string?} meta:ProfileMeta?>
ProfileUpsertQueryWithSubscriptionsResourceObject <profile id attributes!:{_kx:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? meta:ProfileMeta? organization:string? phone_number:string? properties:*? subscriptions:SubscriptionChannels? title:string?}>
PromotionalSMSSubscription {id:string? properties:null? submit:boolean(true) type!:string(promotional_sms_subscription)}
PropertyOption {label!:string value!:string}
PushProfileUpsertQueryResourceObject <profile id attributes!:{_kx:string? email:string? external_id:string? first_name:string? image:string? last_name:string? locale:string? location:ProfileLocation? meta:ProfileMeta? organization:string? phone_number:string? properties:*? title:string?}>
QuoteStyle {alignment:string(center,left,right) character_spacing:integer font_family:string font_size:integer font_weight:integer line_height:number text_color:string}
RadioButtons {id:string? properties!:RadioButtonsProperties styles:RadioButtonsStyles type!:string(radio_buttons)}
RadioButtonsProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? options!:[PropertyOption] placeholder:string? property_name!:string required:boolean? show_label:boolean}
RadioButtonsStyles {alignment:string(center,left,right) arrangement:string(horizontal,vertical) background_color:string? padding:Padding}
RatingStyle {alignment:string(center,left,right) character_spacing:number color:string empty_color:string font_size:integer shape:string(circle,heart,star)}
Redirect {id:string? properties!:RedirectProperties submit!:boolean type!:string(redirect)}
RedirectProperties {list_id:string? new_window:boolean url!:string}
ResendOptInCode {id:string? properties:null? submit:boolean(false) type!:string(resend_opt_in_code)}
Review {id:string? properties!:ReviewProperties styles:ReviewStyles type!:string(review)}
ReviewProperties {author:string? content:string? display_device:[string(both,desktop,mobile)] rating:integer review_id:integer? show_author:boolean show_rating:boolean show_verified:boolean verified:boolean}
ReviewStyles {background_color:string? block_background_color:string padding:Padding quote_style:QuoteStyle rating_style:RatingStyle reviewer_name_style:ReviewerNameStyle}
ReviewerNameStyle {alignment:string(center,left,right) character_spacing:integer font_family:string font_size:integer font_weight:integer layout:string(inline,stacked) line_height:number text_color:string}
RichTextMargin {bottom:integer left:integer(0) right:integer(0) top:integer(0)}
RichTextStyle {alignment:string(center,left,right) character_spacing:integer? font_family:(string("Arial Black,Arial","Arial, 'Helvetica Neue', Helvetica, sans-serif","Century Gothic,AppleGothic,Arial","Comic Sans MS,Comic Sans,cursive","Courier New","Geneva,Arial","Helvetica,Arial","Lucida Grande,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","MS Serif,Georgia","New York,Georgia","Palatino Linotype,Palatino,Georgia","Palatino,Georgia","Tahoma,sans-serif","Times New Roman","Trebuchet MS",Courier,Georgia,Verdana)|string) font_size:integer font_weight:integer(100,200,300,400,500,600,700,800,900)? line_spacing:number margin:RichTextMargin text_color:string}
RichTextStyles {body:RichTextStyle h1:RichTextStyle h2:RichTextStyle h3:RichTextStyle h4:RichTextStyle h5:RichTextStyle h6:RichTextStyle link:LinkStyles}
Row {blocks!:[(Button|AgeGate|Coupon|Date|Email|HTMLText|OptInCode|PhoneNumber|SMSConsentCheckbox|Text|Checkboxes|RadioButtons|Dropdown|Image|CountdownTimer|SignupCounter|SpinToWin|SMSDisclosure|BackInStockEmailConsentCheckbox|Review)] id:string?}
SMSConsentCheckbox {id:string? properties!:SMSConsentCheckboxProperties styles:SMSConsentCheckboxStyles type!:string(promotional_sms_checkbox)}
SMSConsentCheckboxProperties {channels:[string(sms,whatsapp)] checkbox_text!:string display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:null? property_name:string(opt_in_promotional_sms) required:boolean(false) show_label:boolean}
SMSConsentCheckboxStyles {background_color:string? horizontal_alignment:string(center,left,right) padding:Padding}
SMSDisclosure {id:string? properties:SMSDisclosureProperties styles:SMSDisclosureStyles type!:string(sms_disclosure)}
SMSDisclosureAccountDefault {html:any? type!:string(account_default)}
SMSDisclosureCustom {compliance_company_name:string html:string privacy_policy_url:string terms_of_service_url:string type!:string(custom)}
SMSDisclosureProperties {content:(SMSDisclosureCustom|SMSDisclosureAccountDefault) display_device:[string(both,desktop,mobile)]}
SMSDisclosureStyles {background_color:string? link_styles:SMSDisclosureTextStyle padding:Padding text_styles:SMSDisclosureTextStyle}
SMSDisclosureTextStyle {character_spacing:integer? font_family:(string("Arial Black,Arial","Arial, 'Helvetica Neue', Helvetica, sans-serif","Century Gothic,AppleGothic,Arial","Comic Sans MS,Comic Sans,cursive","Courier New","Geneva,Arial","Helvetica,Arial","Lucida Grande,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","MS Serif,Georgia","New York,Georgia","Palatino Linotype,Palatino,Georgia","Palatino,Georgia","Tahoma,sans-serif","Times New Roman","Trebuchet MS",Courier,Georgia,Verdana)|string) font_size:integer font_weight:integer(100,200,300,400,500,600,700,800,900)? text_color:string}
Scroll {id:string? properties:ScrollProperties type!:string(scroll_percentage)}
ScrollProperties {percentage:integer}
SegmentsProfileMetricFunnelCondition {completion_window_seconds:string(DAYS_1,DAYS_180,DAYS_3,DAYS_30,DAYS_5,DAYS_90,HOURS_1,WEEKS_1,YEARS_1)? steps!:[ProfileMetricFunnelSteps] timeframe_filter!:(StaticDateRangeFilter|RelativeDateRangeFilter|RelativeDateOperatorBaseFilter) type!:string(profile-metric-funnel)}
SendEmailActionData {message:FlowEmail? status:string(disabled,draft,live,manual)}
SendPushNotificationActionData {message:FlowPushNotification? status:string(disabled,draft,live,manual)}
SendSmsActionData {message:FlowSms? status:string(disabled,draft,live,manual)}
SendWhatsAppActionData {message:FlowWhatsApp? status:string(disabled,draft,live,manual)}
SideImageSettings {alignment:string(left,right) device_type:[string(both,desktop,mobile)] size:string(large,medium,small)}
SignupCounter {id:string? properties!:SignupCounterProperties styles:SignupCounterStyles type!:string(signup_counter)}
SignupCounterProperties {content!:string display_device:[string(both,desktop,mobile)] min_submits!:integer timeframe!:string(1_hour,24_hours,30_days,7_days)}
SignupCounterStyles {background_color:string? padding:Padding}
SpinToWin {id:string? properties!:SpinToWinProperties styles:SpinToWinStyles type!:string(spin_to_win)}
SpinToWinProperties {display_device:[string(both,desktop,mobile)] duplicate_slices:boolean slices!:[SpinToWinSliceConfig]}
SpinToWinSliceConfig {label!:string probability!:integer step_id!:string}
SpinToWinSliceStyle {background_color:string text_color:string}
SpinToWinStyles {background_color:string? center_color:string outline_color:string outline_thickness:integer padding:Padding pin_color:string slice_styles:[SpinToWinSliceStyle] text_styles:TextStyle wheel_size:integer}
StaticCouponConfig {text:string? type!:string(static)}
Step {columns!:[Column] id:string? name:string? steps:[Step]?}
SubmitBackInStock {id:string? properties:SubmitBackInStockProperties? submit:boolean(true) type!:string(submit_back_in_stock)}
SubmitBackInStockProperties {list_id:string?}
SubmitOptInCode {id:string? properties:null? submit:boolean(true) type!:string(submit_opt_in_code)}
SubscribeViaSMS {id:string? properties!:SubscribeViaSMSProperties submit:boolean(true) type!:string(subscribe_via_sms)}
SubscribeViaSMSProperties {opt_in_keyword!:string? opt_in_message!:string sending_number!:string?}
SubscribeViaWhatsApp {id:string? properties!:SubscribeViaWhatsAppProperties submit:boolean(true) type!:string(subscribe_via_whatsapp)}
SubscribeViaWhatsAppProperties {opt_in_keyword!:string? opt_in_message!:string sending_number!:string?}
Teaser {close_button:boolean content!:string custom_size:integer? device_type:string(both,desktop,mobile) display_order:string(after,before,before_and_after) id:string? location:string(bottom_center,bottom_left,bottom_right,center_left,center_right,top_center,top_left,top_right) size:string(custom,large,medium,small) styles:TeaserStyles teaser_type:string(circle,corner,rectangle)}
TeaserStyles {background_color:string background_image:BackgroundImage? close_button:CloseButtonStyle corner_radius:integer drop_shadow:DropShadow margin:Margin}
Text {id:string? properties!:TextProperties styles:TextStyles type!:string(text)}
TextProperties {display_device:[string(both,desktop,mobile)] error_messages:ErrorMessages? label:string? placeholder:string? property_name!:string required:boolean? show_label:boolean}
TextStyle {character_spacing:integer? font_family:(string("Arial Black,Arial","Arial, 'Helvetica Neue', Helvetica, sans-serif","Century Gothic,AppleGothic,Arial","Comic Sans MS,Comic Sans,cursive","Courier New","Geneva,Arial","Helvetica,Arial","Lucida Grande,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","Lucida,Lucida Sans Unicode,Lucida Sans,Geneva,Verdana,sans-serif","MS Serif,Georgia","New York,Georgia","Palatino Linotype,Palatino,Georgia","Palatino,Georgia","Tahoma,sans-serif","Times New Roman","Trebuchet MS",Courier,Georgia,Verdana)|string) font_size:integer font_weight:integer(100,200,300,400,500,600,700,800,900)? text_color:string}
TextStyles {background_color:string? padding:Padding}
URLPatterns {id:string? properties:URLPatternsProperties type!:string(url_patterns)}
URLPatternsProperties {allow_list:[string]? deny_list:[string]?}
UnidentifiedProfiles {id:string? properties:* type!:string(unidentified_profiles)}
UniqueCouponConfig {code:string? fallback_coupon_code:string? id:integer? integration:string(api,magento_two,prestashop,shopify,uploaded,woocommerce) type!:string(unique)}
VariableTimerConfiguration {days!:integer hours!:integer minutes!:integer type!:string(variable)}
Version {ab_test:boolean dynamic_button:DynamicButton? id:integer? location:string(bottom_center,bottom_left,bottom_right,center_left,center_right,top_center,top_left,top_right)? name:string? properties:VersionProperties specialties:[string(BACK_IN_STOCK)] status:string(draft,live) steps!:[Step] styles:VersionStyles teasers:[Teaser] triggers:[(AfterCloseTimeout|CartItemCount|CartProduct|CartValue|Channel|CustomJavascript|Delay|Device|ExitIntent|IdentifiedProfiles|ListsAndSegments|Location|PageVisits|PreviouslySubmitted|ProfileEventTracked|Scroll|UnidentifiedProfiles|URLPatterns|BackInStock)] type:string(banner,embed,flyout,full_screen,popup)}
VersionProperties {click_outside_to_close:[string(both,desktop,mobile)]? record_utm_params_on_submit:boolean rule_based_trigger_evaluation:string(all,any)? show_close_button:boolean side_image_settings:SideImageSettings?}
VersionStyles {background_color:string? background_image:BackgroundImage? banner_styles:BannerStyles? border_styles:BorderStyle? close_button:CloseButtonStyle custom_width:integer? drop_shadow:DropShadow input_styles:InputStyles margin:Margin minimum_height:integer mobile_overlay:MobileOverlay? overlay_color:string padding:Padding rich_text_styles:RichTextStyles width:string(custom,large,medium,small) wrap_content:boolean(false)}
]=],
}
