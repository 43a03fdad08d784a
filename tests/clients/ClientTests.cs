using System.Text;
using Gemma2.Clients.Tests.Dotnet;
using Gemma2.Functions.Tests;
using Gemma2.Testing;
using Microsoft.Extensions.AI;

namespace Gemma2.Clients.Tests;

/// <summary>The clients that people use, each with the real app and the embedded model.</summary>
public sealed class ClientTests(Service service)
{
    private const string Renewal = "RENEW_SNAPSHOTS";
    private const string Begin = "<!-- made by tests/clients -->\n";
    private const string End = "<!-- end -->\n";
    private const string Chat = "chat completions";
    private const string Responses = "responses";
    private const string Messages = "messages";

    private static readonly Client[] Clients =
    [
        new OpenAIChatClient("OpenAI .NET", "OpenAI", Chat, service => service.OpenAI().GetChatClient(Service.Model)),
        new OpenAIChatClient("Azure OpenAI .NET", "Azure.AI.OpenAI", "chat completions, Azure's paths", service => service.Azure().GetChatClient(Service.Model)),
        new ExtensionsClient("Microsoft.Extensions.AI", "Microsoft.Extensions.AI.OpenAI", Chat, service => service.OpenAI().GetChatClient(Service.Model).AsIChatClient()),
        new SemanticKernelClient(),
        new AnthropicDotnetClient(),
        new ExtensionsClient("Microsoft.Extensions.AI on Anthropic", "Anthropic", Messages, service => service.Anthropic().AsIChatClient(Service.Model), AnthropicDotnetClient.Request),
        new NodeClient("OpenAI node", "openai", Chat, "openai-chat"),
        new NodeClient("OpenAI node, Responses", "openai", Responses, "openai-responses"),
        new NodeClient("OpenAI node, AzureOpenAI", "openai", "chat completions, Azure's paths", "openai-chat", "azure"),
        new NodeClient("Anthropic node", "@anthropic-ai/sdk", Messages, "anthropic"),
        new NodeClient("AI SDK, OpenAI", "@ai-sdk/openai", Chat, "ai-sdk", "openai"),
        new NodeClient("AI SDK, OpenAI Responses", "@ai-sdk/openai", Responses, "ai-sdk", "openai-responses"),
        new NodeClient("AI SDK, OpenAI compatible", "@ai-sdk/openai-compatible", Chat, "ai-sdk", "openai-compatible"),
        new NodeClient("AI SDK, Anthropic", "@ai-sdk/anthropic", Messages, "ai-sdk", "anthropic"),
        new NodeClient("LangChain.js", "@langchain/openai", Chat, "langchain"),
        new NodeClient("LangChain.js, Responses", "@langchain/openai", Responses, "langchain", "responses"),
        new NodeClient("OpenAI Agents SDK", "@openai/agents", Chat, "agents"),
        new NodeClient("OpenAI Agents SDK, Responses", "@openai/agents", Responses, "agents", "responses"),
    ];

    public static TheoryData<string, string> All
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (Client client in Clients)
                foreach (string feature in Feature.All)
                    all.Add(client.Name, feature);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Try_AFeature_Works(string client, string feature)
    {
        Client tried = Clients.Single(one => one.Name == client);
        Machine.NeedsDevice();
        Assert.SkipWhen(tried.Lacks is not null, tried.Lacks ?? "");
        string? error = (await service.ResultsOfAsync(tried))[feature];
        Assert.True(error is null, error);
    }

    [Fact]
    public async Task Table_InTheDocs_SaysWhatWorks()
    {
        Machine.NeedsDevice();
        Assert.SkipWhen(Clients.Any(client => client.Lacks is not null), Clients.Select(client => client.Lacks).FirstOrDefault(lack => lack is not null) ?? "");
        string file = Path.Combine(Repository.Root, "docs/clients.md");
        string docs = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        int begin = docs.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, end = docs.IndexOf(End, StringComparison.Ordinal);
        string table = await TableAsync();

        if (docs[begin..end] == table)
            return;
        if (Environment.GetEnvironmentVariable(Renewal) == "true")
            await File.WriteAllTextAsync(file, docs[..begin] + table + docs[end..], TestContext.Current.CancellationToken);
        else
            Assert.Fail($"docs/clients.md should have this table:\n{table}\nTo write it: {Renewal}=true tests/clients/bin/Release/net10.0/Clients.Tests");
    }

    private async Task<string> TableAsync()
    {
        var table = new StringBuilder();
        Row(table, ["client", "package", "API", .. Feature.All]);
        Row(table, Enumerable.Repeat("---", Feature.All.Length + 3));
        foreach (Client client in Clients)
        {
            Dictionary<string, string?> results = await service.ResultsOfAsync(client);
            Row(table, [client.Name, $"`{client.Package}` {client.Version}", client.Api, .. Feature.All.Select(feature => results[feature] is null ? "yes" : "no")]);
        }
        return table.ToString();
    }

    private static void Row(StringBuilder table, IEnumerable<string> cells) => table.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
}
