-- More than a thousand request targets that try to leave /klaviyo; none of them is
-- an operation behind a gateway there.

local SEGMENTS = [[
.. %2e%2e %2E. .%2e %252e%252e %25252e%25252e ..; ..;x %2e%2e%3b ..%2f ..%5c
..%2Fx x%2F.. x%2F..%2Fy x%5C..%5Cy . %2e %00 x%00 %0a %0d%0aX-Evil:%201 x%7f ;
x;y \ \..\ | ` {id} <x> x^y " % %zz %2 x%252F%252E%252E / // /../ /./
]]

local SHAPES = [[
/klaviyo/api/profiles/T /klaviyo/api/lists/T/profiles
/klaviyo/api/lists/T/relationships/profiles /klaviyo/api/catalog-items/T
/klaviyo/api/profiles/x/T/lists /klaviyo/api/T/profiles /klaviyo/T/api/profiles
/klaviyo/client/T/events /klaviyo/api/lists/x/T/y /T/klaviyo/api/profiles
/klaviyo/api/profiles/x/../T /klaviyo/api/events/T/../profiles
/klaviyo/T/klaviyo/api/lists /klaviyo/api/T /klaviyo/apiT/profiles
/klaviyo/api/profiles/T?page[size]=1 /klaviyo/api/profilesT/x /klaviyo/client/T
/T/api/profiles /klaviyo//T/api/lists /klaviyo/api/lists/T/tags
http://evil.example/klaviyo/api/profiles/T http://evil.example/T/api/profiles
/klaviyo/api/flows/T/flow-actions /klaviyo/api/campaigns/T/tags
]]

local OTHERS = [[
* evil.example:443 http://a.klaviyo.com/api/profiles https://evil.example/
//evil.example/api/profiles /klaviyo@evil.example/api/profiles
/klaviyo/@evil.example/api/profiles /klaviyo/api/%70rofiles
/KLAVIYO/api/profiles /klaviyo/API/profiles /klaviyo/api/Profiles
/klaviyo/api//profiles /klaviyo//api/profiles //klaviyo/api/profiles
/klaviyo/./api/profiles /klaviyo/api /klaviyo/api/ /klaviyo/ / /api/profiles
/klaviyo/api/profiles// /klaviyo/oauth/token /klaviyo/api/profiles%3fpage
/klaviyo/api/profiles%23 /klaviyo%2fapi/profiles /klaviyo/api%2fprofiles
/klaviyo/api\profiles klaviyo/api/profiles file:///etc/passwd
]]

local segments = { "", "x\0y", "\1", "\195\169" }
for segment in SEGMENTS:gmatch("%S+") do
  segments[#segments + 1] = segment
end

local targets = {
  "", "/klaviyo/api/profiles/" .. ("x"):rep(70000), "/klaviyo/api/" .. ("../"):rep(3000) .. "lists",
}
for shape in SHAPES:gmatch("%S+") do
  for _, segment in ipairs(segments) do
    -- a slash at the end of a path is ignored
    local nothing = segment == "" or segment == "/"
    if not (nothing and (shape:find("T$") or shape:find("T%?") or shape:find("%lT/"))) then
      targets[#targets + 1] = (shape:gsub("T", (segment:gsub("%%", "%%%%"))))
    end
  end
end
for target in OTHERS:gmatch("%S+") do
  targets[#targets + 1] = target
end

return targets
