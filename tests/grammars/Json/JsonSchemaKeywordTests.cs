namespace Gemma2.Grammars.Tests.Json;

/// <summary>Each keyword, by what it allows and what it does not.</summary>
public sealed class JsonSchemaKeywordTests
{
    /// <summary>A schema, texts that are valid, texts that are not.</summary>
    public static TheoryData<string, string[], string[]> Cases => new()
    {
        // Any value, JSON's syntax, white space.
        { "true", ["null", "-0.5e+10", """{"a":[1,{"b":[]}]}""", "\"\\u00e9\\ud83d\\ude00\\/\""], ["", "nul", "01", "1.", ".5", "+1", "{\"a\"}", "[1,]", "{,}", "\"\\ud800\"", "\"\u0001\"", "1 2"] },
        { "{}", ["{\n  \"a\": [\n    1,\n    2\n  ]\n}", "{\"a\": 1, \"b\": 2}", "[ ]", "{\r\n\t\"a\" : 1\r\n}"], [" 1", "1 ", "[\n\n1]", "[  1]", "{\"a\":\n1}"] },
        { """{"description":5,"x-unknown":{"type":"string"},"_pattern":"^a","nullable":true,"readOnly":true}""", ["1", "\"b\""], [] },

        // type, enum, const.
        { """{"type":"null"}""", ["null"], ["0", "\"\"", "false"] },
        { """{"type":"boolean"}""", ["true", "false"], ["True", "null", "1"] },
        { """{"type":"integer"}""", ["0", "-0", "12345678901234567890"], ["1.5", "0.1", "1.0", "-7.000", "\"1\"", "1e-1", "1.0.0"] },
        { """{"$schema":"http://json-schema.org/draft-04/schema#","type":"integer"}""", ["1"], ["1.0", "1.5"] },
        { """{"type":"number"}""", ["0", "1.5", "-1E+2", "1e-7", "0e0"], ["NaN", "Infinity", "1e", "--1", "00"] },
        { """{"type":["integer","string"]}""", ["1", "\"a\""], ["1.5", "null", "[]"] },
        { """{"type":["integer","number"]}""", ["1", "1.5"], ["\"1\""] },
        { """{"enum":["a",1,null,[1,{"b":2}],{"c":[],"d":true}]}""", ["\"a\"", "1", "1.0", "1e0", "null", "[1,{\"b\":2}]", "{\"d\":true,\"c\":[]}", "\"\\u0061\""], ["\"b\"", "2", "[1]", "[1,{\"b\":2},1]", "{\"c\":[]}", "{\"c\":[],\"d\":true,\"e\":1}", "true"] },
        { """{"const":1.50}""", ["1.5", "1.50", "1.5e0", "1.500E+00"], ["1", "1.51", "-1.5", "1.5e1"] },
        { """{"const":0}""", ["0", "-0", "0.0"], ["1", "0.01", "false"] },
        { """{"const":120000000000000000000000}""", ["120000000000000000000000", "1.2e+23", "1.20E23"], ["1.2e22", "12e22", "120000000000000000000001"] },

        // Strings.
        { """{"minLength":2,"maxLength":3}""", ["\"ab\"", "\"\\u00e9é\"", "\"\\ud83d\\ude00😀\"", "5"], ["\"a\"", "\"abcd\"", "\"😀\""] },
        { """{"type":"string","pattern":"b+c"}""", ["\"abcd\"", "\"bbc\"", "\"\\u0062c\""], ["\"b\"", "\"cb\"", "\"\""] },
        { """{"type":"string","pattern":"^a|b$"}""", ["\"ax\"", "\"xb\"", "\"a\""], ["\"xa\"", "\"bx\""] },
        { """{"type":"string","pattern":"^[^/\\n]+$","maxLength":5}""", ["\"a b\"", "\"\\t\""], ["\"a/b\"", "\"a\\nb\"", "\"\"", "\"abcdef\""] },
        { """{"type":"string","pattern":"^(?!secret)(?=.*[0-9])\\w+$"}""", ["\"a1\"", "\"1secret\""], ["\"secret1\"", "\"abc\"", "\"a 1\""] },
        { """{"type":"string","not":{"pattern":"a"}}""", ["\"bcd\"", "\"\""], ["\"bad\"", "\"\\u0061\""] },
        { """{"type":"string","format":"date"}""", ["\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""], ["\"2023-02-29\"", "\"1900-02-29\"", "\"2024-04-31\"", "\"2024-1-01\"", "\"2024-13-01\""] },
        { """{"type":"string","format":"time"}""", ["\"23:59:59Z\"", "\"00:00:00.123+05:30\""], ["\"24:00:00Z\"", "\"12:00:00\"", "\"12:60:00Z\"", "\"12:00Z\""] },
        { """{"type":"string","format":"date-time"}""", ["\"2024-02-29T12:00:00Z\"", "\"2024-01-01t00:00:00.5-08:00\""], ["\"2024-02-30T12:00:00Z\"", "\"2024-02-29 12:00:00Z\"", "\"2024-02-29\""] },
        { """{"type":"string","format":"duration"}""", ["\"P1Y2M3DT4H5M6S\"", "\"PT1H\"", "\"P2W\""], ["\"P\"", "\"PT\"", "\"P1Y2D\"", "\"1Y\"", "\"P1W1D\""] },
        { """{"type":"string","format":"email"}""", ["\"a.b+c@example.com\"", "\"\\\"a b\\\"@example.com\"", "\"a@[127.0.0.1]\""], ["\"a\"", "\"@b.c\"", "\"a@\"", "\".a@b.c\"", "\"a@b_c\"", "\"a@@b\""] },
        { """{"type":"string","format":"hostname"}""", ["\"example.com\"", "\"a-1.b\"", "\"localhost\""], ["\"-a.b\"", "\"a..b\"", "\"a_b\"", "\"\"", "\"xn--a\""] },
        { """{"type":"string","format":"ipv4"}""", ["\"127.0.0.1\"", "\"255.255.255.255\""], ["\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""] },
        { """{"type":"string","format":"ipv6"}""", ["\"::\"", "\"::1\"", "\"1:2:3:4:5:6:7:8\"", "\"1::8\"", "\"::ffff:1.2.3.4\""], ["\"1:2:3:4:5:6:7\"", "\"1::2::3\"", "\":1\"", "\"12345::\"", "\"1:2:3:4:5:6:7:8:9\""] },
        { """{"type":"string","format":"uuid"}""", ["\"123e4567-E89B-12d3-a456-426614174000\""], ["\"123e4567e89b12d3a456426614174000\"", "\"g23e4567-e89b-12d3-a456-426614174000\""] },
        { """{"type":"string","format":"uri"}""", ["\"https://u:p@example.com:80/a/b?c=d#e\"", "\"urn:isbn:1\"", "\"http://[::1]/%41\"", "\"file:///a\"", "\"x:\""], ["\"/a\"", "\"//a\"", "\"a b:c\"", "\"http://a/%4\"", "\"http://[::1\"", "\"http://a/{b}\"", "\"1a:b\""] },
        { """{"type":"string","format":"uri-reference"}""", ["\"/a/b\"", "\"\"", "\"#x\"", "\"//h/p\"", "\"a:b\"", "\"./a:b\""], ["\"\\\\a\"", "\"a b\"", "\":a\""] },
        { """{"type":"string","format":"iri"}""", ["\"http://é.example/ü?ж\""], ["\"é\"", "\"http://a b\""] },
        { """{"type":"string","format":"json-pointer"}""", ["\"\"", "\"/a~0b/~1\""], ["\"a\"", "\"/~2\"", "\"/~\""] },
        { """{"type":"string","format":"int32","contentEncoding":"base64"}""", ["\"anything\""], ["1"] },

        // Numbers.
        { """{"minimum":-2.5,"maximum":10}""", ["-2.5", "-2.50", "10", "10.0", "0", "-0", "9.99", "1e1", "-2.5e0", "1e-5", "\"a\""], ["-2.51", "-3", "10.01", "11", "100", "1.1e1", "-1e1", "2e1"] },
        { """{"exclusiveMinimum":0,"exclusiveMaximum":1}""", ["0.5", "0.001", "1e-9", "0.999"], ["0", "-0", "0.0", "1", "1.0", "-0.5", "1e0"] },
        { """{"minimum":3,"exclusiveMinimum":true,"maximum":5,"exclusiveMaximum":false}""", ["3.01", "5"], ["3", "3.0", "5.01"] },
        { """{"type":"integer","minimum":95,"maximum":1007}""", ["95", "99", "100", "999", "1000", "1007"], ["95.0", "94", "1008", "9", "9999", "-95", "10000", "95.5"] },
        { """{"type":"integer","minimum":-12,"maximum":-3}""", ["-12", "-3", "-10"], ["-13", "-2", "3", "12", "0"] },
        { """{"minimum":1e300}""", ["1e300", "2.5e+301"], ["1", "1e299", "9.99e299"] },
        { """{"multipleOf":3}""", ["0", "3", "-9", "12.0", "111111", "\"x\""], ["1", "3.5", "10", "-1"] },
        { """{"multipleOf":0.25}""", ["0.25", "1", "-2.750", "100.5"], ["0.3", "0.125", "1.26"] },
        { """{"type":"integer","multipleOf":2.5,"minimum":1}""", ["5", "10", "25"], ["2.5", "4", "0", "-5"] },
        { """{"type":"integer","not":{"multipleOf":2}}""", ["1", "-3"], ["17.0", "2", "0", "1.5"] },

        // Objects.
        { """{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}""", ["{\"a\":1}", "{\"b\":\"x\",\"a\":1}", "{\"a\":1,\"c\":[]}", "{\"c\":null,\"a\":1}", "{\"\\u0061\":1}"], ["{}", "{\"a\":\"1\"}", "{\"b\":\"x\"}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[]"] },
        { """{"type":"object","properties":{"a":true,"b":true,"c":true},"additionalProperties":false}""", ["{}", "{\"c\":1,\"a\":2}", "{\"b\":1,\"c\":2,\"a\":3}"], ["{\"d\":1}", "{\"a\":1,\"d\":1}", "{\"a\":1,}", "{\"\":1}"] },
        { """{"additionalProperties":{"type":"integer"},"properties":{"a":{}}}""", ["{\"a\":\"x\",\"b\":1}", "{\"b\":1,\"c\":2}", "7"], ["{\"b\":\"x\"}"] },
        { """{"type":"object","patternProperties":{"^x_":{"type":"integer"},"_y$":{"minimum":5}},"additionalProperties":false}""", ["{}", "{\"x_1\":1}", "{\"a_y\":\"s\"}", "{\"x_y\":7}"], ["{\"x_y\":3}", "{\"x_y\":7.5}", "{\"a_y\":1}", "{\"z\":1}"] },
        { """{"type":"object","properties":{"x_a":{"maximum":3}},"patternProperties":{"^x_":{"type":"integer"}}}""", ["{\"x_a\":2}", "{\"x_b\":9}"], ["{\"x_a\":4}", "{\"x_a\":2.5}", "{\"x_b\":\"\"}"] },
        { """{"type":"object","propertyNames":{"pattern":"^[a-c]$","maxLength":1}}""", ["{}", "{\"a\":1,\"b\":2}"], ["{\"d\":1}", "{\"ab\":1}"] },
        { """{"type":"object","minProperties":1,"maxProperties":2}""", ["{\"a\":1}", "{\"a\":1,\"b\":2}"], ["{}", "{\"a\":1,\"b\":2,\"c\":3}"] },
        { """{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"],"maxProperties":2}""", ["{\"b\":1,\"a\":1}"], ["{\"a\":1}", "{\"c\":1,\"a\":1,\"b\":1}"] },
        { """{"dependentRequired":{"a":["b"]},"type":"object"}""", ["{}", "{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"a\":1}"], ["{\"a\":1}"] },
        { """{"dependencies":{"a":["b"],"c":{"required":["d"],"properties":{"a":false}}}}""", ["{\"c\":1,\"d\":1}", "{\"a\":1,\"b\":1}", "5"], ["{\"a\":1}", "{\"c\":1}", "{\"c\":1,\"d\":1,\"a\":1,\"b\":1}"] },
        { """{"dependentSchemas":{"a":{"properties":{"b":{"type":"integer"}}}}}""", ["{\"b\":\"x\"}", "{\"a\":1,\"b\":1}"], ["{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}"] },

        // Lists.
        { """{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}""", ["[1]", "[1,2,3]", "[1, 2]"], ["[]", "[1,2,3,4]", "[\"a\"]", "{}"] },
        { """{"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}""", ["[]", "[1]", "[1,\"a\"]", "\"x\""], ["[\"a\"]", "[1,2]", "[1,\"a\",1]"] },
        { """{"items":[{"type":"integer"}],"additionalItems":{"type":"string"}}""", ["[]", "[1,\"a\",\"b\"]"], ["[1,2]", "[\"a\"]"] },
        { """{"type":"array","contains":{"const":1}}""", ["[1]", "[0,1]", "[1,0,1]"], ["[]", "[0]", "[0,2]"] },
        { """{"type":"array","contains":{"type":"integer"},"minContains":2,"maxContains":3}""", ["[1,2]", "[\"a\",1,2,3]"], ["[1]", "[1,2,3,4]", "[]"] },
        { """{"type":"array","contains":false,"minContains":0}""", ["[]", "[1]"], ["1"] },
        { """{"type":"array","items":{"type":"integer"},"contains":{"minimum":5}}""", ["[5]", "[1,9]"], ["[1]", "[\"a\",9]"] },
        { """{"type":"array","uniqueItems":true,"maxItems":1}""", ["[]", "[1]"], ["[1,1]"] },
        { """{"type":"array","uniqueItems":false}""", ["[1,1]"], [] },
        { """{"type":"array","uniqueItems":true,"items":{"enum":["a","b",1,1.5,null]},"minItems":2}""", ["[\"a\",\"b\"]", "[1,1.5,null,\"b\",\"a\"]"], ["[\"a\"]", "[\"a\",\"a\"]", "[\"a\",\"\\u0061\"]", "[1,1.0]", "[null,1,null]", "[\"c\",1]"] },
        { """{"type":"array","uniqueItems":true,"items":{"type":"integer","minimum":1,"maximum":9},"contains":{"const":3},"maxItems":4}""", ["[3]", "[9,8,3,1]"], ["[]", "[1,2]", "[1,2,3,3]", "[0,3]", "[1,2,3,4,5]"] },
        { """{"type":"array","uniqueItems":true,"items":[{"enum":["x","y"]},{"type":"boolean"}],"additionalItems":{"enum":["x",true]}}""", ["[]", "[\"y\",false,\"x\",true]"], ["[\"x\",true,\"x\"]", "[\"y\",true,true]"] },

        // References.
        { """{"$ref":"#/$defs/a","$defs":{"a":{"type":"integer"}}}""", ["1"], ["\"1\""] },
        { """{"type":"object","properties":{"value":{"type":"integer"},"next":{"$ref":"#"}},"required":["value"],"additionalProperties":false}""", ["{\"value\":1}", "{\"value\":1,\"next\":{\"next\":{\"value\":3},\"value\":2}}"], ["{\"value\":1,\"next\":{}}", "{\"value\":1,\"next\":null}"] },
        { """{"$ref":"#/definitions/a~1b%25","definitions":{"a/b%":{"type":"string"}}}""", ["\"\""], ["1"] },
        { """{"$id":"http://x.example/root","properties":{"a":{"$ref":"other"}},"$defs":{"o":{"$id":"other","type":"integer"}}}""", ["{\"a\":1}"], ["{\"a\":\"\"}"] },
        { """{"properties":{"a":{"$ref":"#here"}},"$defs":{"o":{"$anchor":"here","type":"integer"}}}""", ["{\"a\":1}"], ["{\"a\":\"\"}"] },
        { """{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/i","maximum":3}},"definitions":{"i":{"type":"integer"}}}""", ["{\"a\":5}"], ["{\"a\":\"\"}"] },
        { """{"properties":{"a":{"$ref":"#/definitions/i","maximum":3}},"definitions":{"i":{"type":"integer"}}}""", ["{\"a\":2}"], ["{\"a\":5}", "{\"a\":\"\"}"] },

        // Logic.
        { """{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"a":{"minimum":3},"b":{"type":"null"}},"required":["a"]}],"type":"object"}""", ["{\"a\":3}", "{\"b\":null,\"a\":4}"], ["{\"a\":2}", "{\"a\":\"\"}", "{\"a\":3,\"b\":1}", "{}"] },
        { """{"anyOf":[{"type":"integer","minimum":5},{"type":"string","maxLength":1},{"type":"integer","maximum":0}]}""", ["5", "\"a\"", "-1", "0"], ["3", "\"ab\"", "null"] },
        { """{"oneOf":[{"type":"integer"},{"minimum":2}]}""", ["1", "2.5", "-4"], ["3", "1.5"] },
        { """{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}""", ["{\"a\":1}", "{\"b\":1,\"c\":1}"], ["{}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"a\":1}"] },
        { """{"oneOf":[{"properties":{"k":{"const":"x"},"v":{"type":"integer"}},"required":["k"]},{"properties":{"k":{"const":"y"},"v":{"type":"string"}},"required":["k"]}],"type":"object"}""", ["{\"k\":\"x\",\"v\":1}", "{\"v\":\"1\",\"k\":\"y\"}"], ["{\"k\":\"x\",\"v\":\"1\"}", "{\"v\":1,\"k\":\"y\"}", "{\"k\":\"z\"}", "{}"] },
        { """{"not":{"type":["integer","object"]}}""", ["1.5", "\"\"", "[]", "null"], ["1", "{}"] },
        { """{"type":"object","not":{"properties":{"a":{"type":"integer"}},"required":["a"]}}""", ["{}", "{\"a\":\"x\"}", "{\"b\":1}"], ["{\"a\":1}", "{\"b\":1,\"a\":1}"] },
        { """{"type":"object","not":{"additionalProperties":{"type":"integer"}}}""", ["{\"a\":\"x\"}", "{\"a\":1,\"b\":null}"], ["{}", "{\"a\":1}"] },
        { """{"type":"array","not":{"items":{"type":"integer"}}}""", ["[\"a\"]", "[1,null,2]"], ["[]", "[1]", "[1,2]"] },
        { """{"type":"array","not":{"contains":{"type":"integer"}}}""", ["[]", "[\"a\"]"], ["[1]", "[\"a\",1]"] },
        { """{"type":"object","properties":{"k":{"enum":["x","y"]}},"required":["k"],"if":{"properties":{"k":{"const":"x"}}},"then":{"required":["a"]},"else":{"required":["b"]}}""", ["{\"k\":\"x\",\"a\":1}", "{\"b\":1,\"k\":\"y\"}", "{\"a\":1,\"k\":\"x\"}"], ["{\"k\":\"x\"}", "{\"k\":\"x\",\"b\":1}", "{\"k\":\"y\",\"a\":1}", "{\"a\":1,\"k\":\"y\"}"] },
        { """{"if":{"type":"integer"},"then":{"minimum":3}}""", ["3", "1.5", "\"a\""], ["2"] },
        { """{"then":{"type":"null"},"else":{"type":"null"}}""", ["1"], [] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Compile_AKeyword_AllowsWhatItAllows(string schema, string[] valid, string[] invalid)
    {
        SchemaMatcher matcher = new(schema);
        Assert.All(valid, text => Assert.True(matcher.Accepts(text), text));
        Assert.All(invalid, text => Assert.False(matcher.Accepts(text), text));
    }

    /// <summary>A schema that cannot be compiled, and the path of the keyword.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "", "" },
        { "{", "" },
        { "5", "" },
        { """{"type":"text"}""", "/type" },
        { """{"properties":{"a":{"type":5}}}""", "/properties/a/type" },
        { """{"properties":{"a/b~":{"type":"x"}}}""", "/properties/a~1b~0/type" },
        { """{"type":"string","type":"number"}""", "/type" },
        { """{"properties":{"a":{},"a":{"type":"string"}}}""", "/properties/a" },
        { """{"const":"\ud800"}""", "" },
        { """{"pattern":"("}""", "/pattern" },
        { """{"pattern":"(a)\\1"}""", "/pattern" },
        { """{"pattern":"(?<=a)b"}""", "/pattern" },
        { """{"patternProperties":{"[":{}}}""", "/patternProperties/[" },
        { """{"type":"array","items":{"format":"regex"}}""", "/items/format" },
        { """{"uniqueItems":true}""", "/uniqueItems" },
        { """{"items":{"type":"string"},"uniqueItems":true}""", "/uniqueItems" },
        { """{"not":{"items":{"type":"boolean"},"uniqueItems":true}}""", "/not/uniqueItems" },
        { """{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":3}""", "" },
        { """{"unevaluatedProperties":false}""", "/unevaluatedProperties" },
        { """{"unevaluatedItems":false}""", "/unevaluatedItems" },
        { """{"$dynamicRef":"#a"}""", "/$dynamicRef" },
        { """{"$ref":"http://example.com/schema.json"}""", "/$ref" },
        { """{"properties":{"a":{"$ref":"#/nowhere"}}}""", "/properties/a/$ref" },
        { """{"$ref":"#"}""", "" },
        { """{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#/$defs/a"}}}}""", "/$defs/a" },
        { """{"multipleOf":0}""", "/multipleOf" },
        { """{"multipleOf":123456.7}""", "/multipleOf" },
        { """{"minimum":"1"}""", "/minimum" },
        { """{"minLength":-1}""", "/minLength" },
        { """{"maxItems":1.5}""", "/maxItems" },
        { """{"required":true}""", "/required" },
        { """{"$schema":"http://json-schema.org/draft-03/schema#"}""", "/$schema" },
        { "false", "" },
        { """{"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}}""", "" },
        { """{"type":"integer","minimum":3,"maximum":2}""", "" },
        { """{"enum":["a"],"type":"integer"}""", "" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Compile_WhatCannotBeCompiled_IsAnErrorWithThePath(string schema, string path)
    {
        GrammarException error = Assert.Throws<GrammarException>(() => Grammar.Compile(new GrammarSource.JsonSchema(schema), TestContext.Current.CancellationToken));
        Assert.Equal(path, error.Path);
        Assert.NotEmpty(error.Message);
    }
}
