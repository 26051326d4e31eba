namespace TrueLive.Media.Files;

/// <summary>
/// Orders names with the numbers in them compared as numbers: <c>shot-2</c> before <c>shot-10</c>. Allocates nothing, whatever the names.
/// </summary>
internal static class NumberedNames
{
    /// <summary>A total order: names that differ only in leading zeros are ordered as text.</summary>
    public static IComparer<string> Order { get; } = Comparer<string>.Create(Compare);

    private static int Compare(string a, string b)
    {
        var left = a.AsSpan();
        var right = b.AsSpan();
        while (!left.IsEmpty && !right.IsEmpty)
        {
            int order;
            if (char.IsAsciiDigit(left[0]) && char.IsAsciiDigit(right[0]))
            {
                var x = NumberOf(ref left);
                var y = NumberOf(ref right);
                order = x.Length != y.Length ? x.Length - y.Length : x.SequenceCompareTo(y);
            }
            else
            {
                order = left[0] - right[0];
                left = left[1..];
                right = right[1..];
            }
            if (order != 0)
                return order;
        }
        return left.Length != right.Length ? left.Length - right.Length : string.CompareOrdinal(a, b);
    }

    // The digits at the beginning, without leading zeros.
    private static ReadOnlySpan<char> NumberOf(ref ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        var digits = end < 0 ? text : text[..end];
        text = text[digits.Length..];
        return digits.TrimStart('0');
    }
}
