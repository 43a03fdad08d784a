using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli.Arguments;

/// <summary>Jobs and batches on a command line: their ids, and whose they are.</summary>
internal static class TargetArguments
{
    /// <summary>One id.</summary>
    public static Argument<string> Id(string description) => new("ID")
    {
        Description = description,
        CustomParser = result => Checked(result) ? result.Tokens[0].Value : null,
    };

    /// <summary>Any number of ids, also none.</summary>
    public static Argument<string[]> Ids(string description) => new("ID")
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => Checked(result) ? [.. result.Tokens.Select(token => token.Value)] : [],
    };

    /// <summary>Whose things a command is about.</summary>
    public static Option<string?> Owner() => Owner("Act on what the API key of this name made (without it: on what was made without a key).");

    /// <summary>A list of one owner's things instead of everybody's.</summary>
    public static Option<string?> OnlyOwner() => Owner("Only what the API key of this name made.");

    /// <summary>Where a list goes on.</summary>
    public static Option<string?> After(string description) => Values.Word("--after", description, "ID", JobId.Allowed, JobId.IsValid);

    /// <summary>An id as a hint for the next command shows it: with its owner, where it has one.</summary>
    public static string ForCommandLine(this OwnedId key) => key.Owner is null ? key.Id : $"{key.Id} --owner {key.Owner}";

    private static Option<string?> Owner(string description) => Values.Word("--owner", description, "NAME", OwnedId.AllowedOwner, OwnedId.IsValidOwner);

    private static bool Checked(ArgumentResult result)
    {
        foreach (Token token in result.Tokens.Where(token => !JobId.IsValid(token.Value)))
            result.AddError($"The id is '{token.Value}'; allowed are {JobId.Allowed}.");
        return !result.Errors.Any();
    }
}
