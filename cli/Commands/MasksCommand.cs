using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 masks</c>: judges the masks of JSON schemas by instances, in files of MaskBench's form, a line of JSON each.</summary>
internal static class MasksCommand
{
    private const string Form = "{\"schema\": ..., \"tests\": [{\"valid\": ..., \"data\": ...}]}";

    // Instances are nested as deep as their authors liked.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 1000 };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var vocabulary = new Argument<string>("VOCABULARY") { Description = "A bare tokenizer.model, a Hugging Face folder, a .gguf file, or blob:NAME." };
        var files = new Argument<string[]>("FILE") { Description = $"JSON files of MaskBench's form: {Form}.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("masks", "Compile the schema of each file and try its instances token by token; one line of JSON a file.") { vocabulary, files };
        command.SetAction(async (parse, cancellationToken) =>
        {
            GemmaTokenizer tokenizer = await ModelLocation.LoadTokenizerAsync(parse.GetRequiredValue(vocabulary), cancellationToken);
            TokenTrie trie = new(tokenizer);
            await using StreamWriter output = StandardOutput.OpenWriter();
            int failed = 0;
            string[] paths = parse.GetRequiredValue(files);
            foreach (string path in paths)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    MaskReport report = await ReportAsync(path, tokenizer, trie, cancellationToken);
                    await output.WriteLineAsync(JsonSerializer.Serialize(report, CliJson.Lines.MaskReport));
                }
                catch (Exception error) when (error is Gemma2Exception or IOException or UnauthorizedAccessException)
                {
                    failed++;
                    await output.WriteLineAsync(JsonSerializer.Serialize(new MaskError(path, ErrorText.Describe(error)), CliJson.Lines.MaskError));
                }
            }

            if (failed > 0) throw new InvalidRequestException(null, $"{failed} of {paths.Length} files could not be read; their lines say why.");
        });
        return command;
    }

    private static async Task<MaskReport> ReportAsync(string path, GemmaTokenizer tokenizer, TokenTrie trie, CancellationToken cancellationToken)
    {
        byte[] json = await File.ReadAllBytesAsync(path, cancellationToken);
        (string schema, string[] instances) = Read(json, path);
        long start = Stopwatch.GetTimestamp();
        try
        {
            Grammar grammar = Grammar.Compile(new GrammarSource.JsonSchema(schema), cancellationToken);
            double compile = MicrosecondsSince(start);
            return new(path, null, compile, [.. instances.Select(instance => Try(grammar, trie, tokenizer, instance))]);
        }
        catch (GrammarException error)
        {
            return new(path, error.Message, MicrosecondsSince(start), []);
        }
    }

    private static (string Schema, string[] Instances) Read(byte[] json, string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("schema", out JsonElement schema) || !root.TryGetProperty("tests", out JsonElement tests)
                || tests.ValueKind != JsonValueKind.Array || tests.EnumerateArray().Any(test => test.ValueKind != JsonValueKind.Object || !test.TryGetProperty("data", out _)))
                throw new InvalidRequestException(null, $"{path} is not of the form {Form}.");
            return (schema.GetRawText(), [.. tests.EnumerateArray().Select(test => CompactJson.Write(test.GetProperty("data")))]);
        }
        catch (JsonException error)
        {
            throw new InvalidRequestException(null, $"{path} is not valid JSON: {error.Message}");
        }
        // Half a surrogate pair, which JSON's escapes can spell.
        catch (InvalidOperationException)
        {
            throw new InvalidRequestException(null, $"{path} has a string that is not valid Unicode text.");
        }
    }

    // A mask's time is that from taking in the token before to having the bits, as an engine waits for it.
    private static MaskTest Try(Grammar grammar, TokenTrie trie, GemmaTokenizer tokenizer, string instance)
    {
        int[] tokens = tokenizer.Encode(instance);
        List<double> times = [];
        try
        {
            GrammarMask mask = new(grammar, trie, [tokenizer.Eos, tokenizer.EndOfTurn]);
            for (int i = 0; i < tokens.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                if (i > 0) mask.Accept(tokens[i - 1]);
                bool isAllowed = TokenBits.Contains(mask.Allowed, tokens[i]);
                times.Add(MicrosecondsSince(start));
                if (!isAllowed) return new(false, times.Count, times);
            }

            if (tokens.Length > 0) mask.Accept(tokens[^1]);
            return new(TokenBits.Contains(mask.Allowed, tokenizer.Eos), times.Count, times);
        }
        catch (GenerationException error)
        {
            return new(false, times.Count, times, error.Message);
        }
    }

    private static double MicrosecondsSince(long start) => Math.Round(Stopwatch.GetElapsedTime(start).TotalMicroseconds, 1);
}
