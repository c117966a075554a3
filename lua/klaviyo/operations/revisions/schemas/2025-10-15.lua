-- The request documents of 2025-10-15: what differs from 2025-07-15.
-- Made by tools/catalogue.lua: edit that, not this. The notation:
-- klaviyo/operations/format.lua.
return [=[
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
]=]
