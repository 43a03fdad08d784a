using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Functions.Queue;

namespace Gemma2.Functions.Tests;

public sealed class HostInvocationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("plain text")]
    [InlineData("{\"id\":\"a\",\"request\":{\"prompt\":\"quoted \\\" and \\u00e9\"}}")]
    [InlineData("\"a JSON string\"")]
    [InlineData("")]
    public async Task Read_WhatTheHostSends_GivesTheMessagesText(string text)
    {
        QueueDelivery delivery = await ReadAsync(Invocation(text, 3));
        Assert.Equal((text, 3L), (delivery.Text, delivery.DequeueCount));
    }

    [Fact]
    public async Task Read_DeepMetadata_IsNoObstacle()
    {
        string deep = string.Concat(Enumerable.Repeat("{\"a\":", 100)) + "1" + new string('}', 100);
        string body = $$$"""{"Data":{"msg":"\"x\""},"Metadata":{"DequeueCount":"1","request":{{{deep}}}}}""";
        Assert.Equal("x", (await ReadAsync(body)).Text);
    }

    [Fact]
    public async Task Read_AnyBytes_GivesADeliveryOrOneClearError()
    {
        string invocation = Invocation("{\"id\":\"a\"}", 1);
        int read = 0;
        await Gen.Select(Gen.Int[0, invocation.Length - 1], Gen.OneOf(Gen.Byte, Gen.OneOf("\"\\{}[]:,0n"u8.ToArray()))).Array[0, 4].SampleAsync(async edits =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(invocation);
            foreach ((int index, byte value) in edits)
                bytes[index] = value;
            try
            {
                await HostInvocation.ReadAsync(new MemoryStream(bytes), Cancellation);
                Interlocked.Increment(ref read);
            }
            catch (HostInvocationException)
            {
                // The one error that is allowed.
            }
        }, iter: 20_000);
        Assert.True(read > 0);
    }

    /// <summary>An invocation as the Functions host writes it: strings that hold JSON literals.</summary>
    internal static string Invocation(string text, int dequeueCount) => JsonSerializer.Serialize(new
    {
        Data = new Dictionary<string, string> { [HostInvocation.TriggerName] = JsonSerializer.Serialize(text) },
        Metadata = new Dictionary<string, object>
        {
            ["DequeueCount"] = $"{dequeueCount}",
            ["Id"] = "\"6a7ad33b-9a35-4e43-8f4f-7b4f8e7b5a31\"",
            ["PopReceipt"] = "\"AgAAAAMAAAAAAAAA\"",
            ["InsertionTime"] = "\"2026-01-02T03:04:05+00:00\"",
            ["ExpirationTime"] = "\"2026-01-09T03:04:05+00:00\"",
            ["NextVisibleTime"] = "\"2026-01-02T03:14:05+00:00\"",
            ["sys"] = new { MethodName = "CompletionRequest", UtcNow = "2026-01-02T03:04:06Z", RandGuid = "0b6a1c1e-8d8f-4a6a-9d4e-1f1b6f3f1a11" },
        },
    });

    private static Task<QueueDelivery> ReadAsync(string body) => HostInvocation.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(body)), Cancellation);
}
