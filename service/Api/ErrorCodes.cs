namespace Gemma2.Service.Api;

/// <summary>OpenAI's words for what is wrong with a field, as its API answers them.</summary>
internal static class ErrorCodes
{
    public const string ArrayTooLong = "array_above_max_length";

    public const string DecimalTooLarge = "decimal_above_max_value";

    public const string DecimalTooSmall = "decimal_below_min_value";

    public const string EmptyArray = "empty_array";

    public const string IntegerTooLarge = "integer_above_max_value";

    public const string IntegerTooSmall = "integer_below_min_value";

    public const string Missing = "missing_required_parameter";

    public const string StringTooLong = "string_above_max_length";

    public const string UnknownField = "unknown_parameter";

    public const string UnsupportedField = "unsupported_parameter";

    public const string UnsupportedValue = "unsupported_value";

    public const string WrongType = "invalid_type";

    /// <summary>Whatever has no word of its own.</summary>
    public const string WrongValue = "invalid_value";
}
