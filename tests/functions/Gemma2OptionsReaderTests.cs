using Gemma2.Backend.Adapters;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Functions.Configuration;
using Gemma2.Service.Options;
using Microsoft.Extensions.Configuration;

namespace Gemma2.Functions.Tests;

public sealed class Gemma2OptionsReaderTests
{
    [Fact]
    public void Read_ModelOnly_HasDefaults()
    {
        Gemma2Options options = Read("Model=nano");

        Assert.Equal("nano", options.Model);
        Assert.False(options.AllowSoftwareDevice);
        Assert.Equal((null, null, 32, 4, KvCacheType.Auto), (options.Device, options.ContextLength, options.MaxSequences, options.JobsAtOnce, options.KvCacheType));
        Assert.Empty(options.ApiKeys);
    }

    [Fact]
    public void Read_AllSettings_AreTaken()
    {
        Gemma2Options options = Read("model=blob:nano", "Device=llvmpipe", "AllowSoftwareDevice=TRUE", "ContextLength=512", "MaxSequences=8", "WeightType=q4_K_s", "GenerationConfig=None", "Lora=a; ./b:0.5 ;blob:c:-1", "KvCacheType=F32", "Kernels=-int8, -coopmat", "ApiKeys=a123456789abcdef, b123456789abcdef");

        Assert.Equal(["a123456789abcdef", "b123456789abcdef"], options.ApiKeys.Select(key => key.Secret));
        EngineOptions engine = options.ToEngineOptions();
        Assert.Equal(
            ("llvmpipe", true, 512, 8, WeightType.Q4_K_S, KvCacheType.F32),
            (engine.Device, engine.AllowSoftwareDevice, engine.ContextLength, engine.MaxSequences, engine.WeightType, engine.KvCacheType));
        Assert.Equal([new AdapterReference("a", 1), new AdapterReference("./b", 0.5), new AdapterReference("blob:c", -1)], options.Lora);
        Assert.Equal([KernelFamily.Int8, KernelFamily.Coopmat], engine.Kernels.TurnedOff);
        Assert.False(engine.UsesSamplingDefaults);
        Assert.True(Read("Model=nano", "GenerationConfig=auto").ToEngineOptions().UsesSamplingDefaults);
    }

    [Fact]
    public void Read_ChatTemplate_IsATextOrAFile()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "{{ messages }}");
            Assert.Equal(("{{ messages }}", file), Template(file));
            Assert.Equal(("{% if 1 %}a{% endif %}", "Gemma2__ChatTemplate"), Template("{% if 1 %}a{% endif %}"));
        }
        finally
        {
            File.Delete(file);
        }

        static (string, string) Template(string value) =>
            Read("Model=nano", $"ChatTemplate={value}").ToEngineOptions().ChatTemplate is { } template ? (template.Jinja, template.Origin) : ("", "");
    }

    [Theory]
    [InlineData("1000", 1000)]
    [InlineData("3k", 3 << 10)]
    [InlineData("512M", 512L << 20)]
    [InlineData("8G", 8L << 30)]
    public void Read_KvCacheMemory_TakesBytesAndTheirMultiples(string value, long bytes)
    {
        EngineOptions engine = Read("Model=nano", $"KvCacheMemory={value}", "MaxWaitingRequests=7", "MaxWaitingTokens=70").ToEngineOptions();
        Assert.Equal((bytes, 7, 70), (engine.KvCacheMemory, engine.MaxWaiting, engine.MaxWaitingTokens));
    }

    [Theory, InlineData("64M", 64L << 20), InlineData("2G", 2L << 30), InlineData("", 512L << 20)]
    public void Read_StagingMemory_IsTheEngines(string value, long bytes) =>
        Assert.Equal(bytes, Read("Model=nano", $"StagingMemory={value}").ToEngineOptions().StagingMemory);

    [Theory]
    [InlineData("Gemma2__Model", "Device=x")]
    [InlineData("Gemma2__Model", "Model= ")]
    [InlineData("Gemma2__Modle", "Model=nano", "Modle=nano")]
    [InlineData("Gemma2__ApiKeys__0", "Model=nano", "ApiKeys:0=a")]
    [InlineData("Gemma2__AllowSoftwareDevice is 'yes'; allowed: true or false", "Model=nano", "AllowSoftwareDevice=yes")]
    [InlineData("Gemma2__ContextLength is '0'", "Model=nano", "ContextLength=0")]
    [InlineData("Gemma2__ContextLength is '8193'; allowed: integers from 2 to 8192", "Model=nano", "ContextLength=8193")]
    [InlineData("Gemma2__ContextLength is '99999999999'", "Model=nano", "ContextLength=99999999999")]
    [InlineData("Gemma2__MaxSequences is '-1'", "Model=nano", "MaxSequences=-1")]
    [InlineData("Gemma2__KvCacheMemory is '8T'; allowed: a number of bytes, also with K, M or G behind it: 8G.", "Model=nano", "KvCacheMemory=8T")]
    [InlineData("Gemma2__StagingMemory is '63M'; allowed: a number of bytes from 64M on, also with K, M or G behind it: 512M.", "Model=nano", "StagingMemory=63M")]
    [InlineData("Gemma2__CacheSize is '40T'; allowed: a number of bytes, also with K, M or G behind it: 8G.", "Model=nano", "CacheSize=40T")]
    [InlineData("Gemma2__CacheFolder is 'cache'; allowed: a folder's whole path, such as /cache.", "Model=nano", "CacheFolder=cache")]
    [InlineData("Gemma2__KvCacheMemory is '0'", "Model=nano", "KvCacheMemory=0")]
    [InlineData("Gemma2__KvCacheMemory is '9999999999999G'", "Model=nano", "KvCacheMemory=9999999999999G")]
    [InlineData("Gemma2__KvCacheMemory is 'G'", "Model=nano", "KvCacheMemory=G")]
    [InlineData("Gemma2__MaxWaitingRequests is '-1'; allowed: integers from 0 to 100000", "Model=nano", "MaxWaitingRequests=-1")]
    [InlineData("Gemma2__MaxWaitingTokens is 'all'", "Model=nano", "MaxWaitingTokens=all")]
    [InlineData("Gemma2__ToolPrompt is 'Call them.'; allowed: a text with {tools} in it", "Model=nano", "ToolPrompt=Call them.")]
    [InlineData("Gemma2__JobsAtOnce is '0'; allowed: integers from 1 to 256", "Model=nano", "JobsAtOnce=0")]
    [InlineData("Gemma2__WeightType is 'q3'; allowed: f32, f16, bf16, q8_0, q4_0,", "Model=nano", "WeightType=q3")]
    [InlineData("Gemma2__ChatTemplate is '/no/such/file'; allowed: a template in Jinja, or the path of a file that holds one and can be read", "Model=nano", "ChatTemplate=/no/such/file")]
    [InlineData("Gemma2__GenerationConfig is 'vllm'; allowed: auto or none", "Model=nano", "GenerationConfig=vllm")]
    [InlineData("iq4_xs", "Model=nano", "WeightType=IQ3_XS")]
    [InlineData("Gemma2__WeightType is '4'", "Model=nano", "WeightType=4")]
    [InlineData("Gemma2__Lora is 'a;b:x'; allowed: NAME, PATH, NAME:SCALE or PATH:SCALE, where SCALE is a number such as 0.5, each adapter once", "Model=nano", "Lora=a;b:x")]
    [InlineData("Gemma2__Lora is 'a;a:2'", "Model=nano", "Lora=a;a:2")]
    [InlineData("Gemma2__KvCacheType is 'q4_0'; allowed: auto, f16, f32 or q8_0", "Model=nano", "KvCacheType=q4_0")]
    [InlineData("Gemma2__Kernels is 'fast'; allowed: one of cpu, generic, tiled, coopmat, int8", "Model=nano", "Kernels=fast")]
    [InlineData("Gemma2__Kernels is 'tiled,int8'", "Model=nano", "Kernels=tiled,int8")]
    [InlineData("Gemma2__Kernels is '-int8,-int8'", "Model=nano", "Kernels=-int8,-int8")]
    [InlineData("Gemma2__RequestsPerMinute is '-1'; allowed: integers from 0 to 10000000", "Model=nano", "RequestsPerMinute=-1")]
    [InlineData("Gemma2__TokensPerMinute is 'many'", "Model=nano", "TokensPerMinute=many")]
    [InlineData("Gemma2__KeyLimits is '***'; allowed: NAME=REQUESTS/TOKENS", "Model=nano", "ApiKeys=a=one-0123456789abc", "KeyLimits=one-0123456789abc=5/6")]
    [InlineData("Gemma2__AllowAnonymous is 'no'; allowed: true or false", "Model=nano", "AllowAnonymous=no")]
    [InlineData("Gemma2__QueueLeaseSeconds is '4'; allowed: integers from 5 to 600", "Model=nano", "QueueLeaseSeconds=4")]
    [InlineData("Gemma2__CallbackHosts is 'https://example.com'", "Model=nano", "CallbackHosts=example.com,https://example.com")]
    [InlineData("Gemma2__CallbackHosts is '*'", "Model=nano", "CallbackHosts=*")]
    [InlineData("Gemma2__CallbackHosts is '*.*.com'", "Model=nano", "CallbackHosts=*.*.com")]
    [InlineData("Gemma2__CallbackHosts is not set", "Model=nano", "CallbackHosts=example.com,,example.org")]
    [InlineData("Gemma2__CallbackSecret is '***'; allowed: whsec_", "Model=nano", "CallbackSecret=whsec_dG9vIHNob3J0")]
    [InlineData("Gemma2__CallbackSecret is '***'; allowed: whsec_", "Model=nano", "CallbackSecret=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")]
    public void Read_WrongSetting_NamesKeyValueAndWhatIsAllowed(string expected, params string[] settings)
    {
        ConfigurationException error = Assert.Throws<ConfigurationException>(() => Read(settings));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Read_Callbacks_AreTakenAndTheSecretIsNotShown()
    {
        Gemma2Options options = Read("Model=nano", "CallbackHosts=example.com, *.example.org", "CallbackSecret=whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz");

        Assert.Equal(["example.com", "*.example.org"], options.CallbackHosts);
        Assert.Equal("012345678901234567890123"u8.ToArray(), options.CallbackSecret!.Bytes);
        Assert.DoesNotContain("MDEy", $"{options}", StringComparison.Ordinal);
        Assert.Contains("CallbackSecret = ***", $"{options}", StringComparison.Ordinal);
    }

    [Fact]
    public void Read_KeysWithNames_AreTaken()
    {
        IReadOnlyList<ApiKey> keys = Read("Model=nano", "ApiKeys=team-a=one-0123456789abc, team-a=two-0123456789abc,plain-0123456789,b=x=y-0123456789abc==").ApiKeys;

        // The name of a key without one is made of its hash: printf plain-0123456789 | sha256sum.
        Assert.Equal([("team-a", "one-0123456789abc"), ("team-a", "two-0123456789abc"), ("key-0763928f", "plain-0123456789"), ("b", "x=y-0123456789abc==")], keys.Select(key => (key.Name, key.Secret)));
        Assert.DoesNotContain("plain", $"{keys[2]}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("secret-0123456789,,x-0123456789abcdef")]
    [InlineData("secret-0123456789 key")]
    [InlineData("secret-0123456789\u00e9")]
    [InlineData("secret-0123456789=")]
    [InlineData("secret-0123456789==")]
    [InlineData("=secret-0123456789")]
    [InlineData("Secret=secret-0123456789")]
    [InlineData("a/b=secret-0123456789")]
    [InlineData("..=secret-0123456789")]
    [InlineData("a=secret-0123456789,b=secret-0123456789")]
    [InlineData("a=secret-0123456789,a=secret-0123456789")]
    [InlineData("secret-01234567")]
    [InlineData("a=secret-01234567")]
    [InlineData("a=secret-0123456789,b=secret")]
    public void Read_WrongKeys_DoNotShowInTheMessage(string keys)
    {
        ConfigurationException error = Assert.Throws<ConfigurationException>(() => Read("Model=nano", "ApiKeys=" + keys));
        Assert.Contains("Gemma2__ApiKeys", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Read_Cache_TakesAFolderAndASize()
    {
        Gemma2Options options = Read("Model=nano", "CacheFolder=/cache", "CacheSize=40G");
        Assert.Equal(("/cache", 40L << 30), (options.CacheFolder, options.CacheSize));
        Assert.Equal((null, null), (Read("Model=nano").CacheFolder, Read("Model=nano").CacheSize));
    }

    private static Gemma2Options Read(params string[] settings) => Gemma2OptionsReader.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).Select(pair => KeyValuePair.Create("Gemma2:" + pair[0], (string?)pair[1])))
        .Build());
}
