using TrueLive.Core.Models;
using static TrueLive.Models.Prompts.AdjustmentWords;

namespace TrueLive.Models.Prompts;

/// <summary>
/// Finds the adjustments in a clause: a word that names one, with the degree and the direction around it, as in "a bit darker",
/// "brightness down by 30 %" or "not so much contrast". Adjectives of a description ("soft pastel painting") are left to the looks.
/// </summary>
/// <param name="clause">The clause.</param>
internal sealed class AdjustmentGrammar(PromptToken[] clause)
{
    private readonly bool[] _taken = new bool[clause.Length];

    /// <summary>What was found, in order.</summary>
    public List<Adjustment> Found { get; } = [];

    /// <summary>Adjustments that the clause asks not to make.</summary>
    public List<AdjustmentKind> Refused { get; } = [];

    /// <summary>The tokens that belong to no adjustment.</summary>
    public PromptToken[] Rest => [.. clause.Where((t, i) => !_taken[i] && t.Kind != PromptTokenKind.Amount)];

    public AdjustmentGrammar Read()
    {
        var from = 0;
        for (var i = 0; i < clause.Length; i++)
        {
            if (Targets.TryGetValue(clause[i].Text, out var target) && TryTake(i, ref from, target))
                i = from - 1;
        }
        return this;
    }

    // The target with the words around it. They end at another target and at words that have nothing to do with adjustments.
    private bool TryTake(int at, ref int from, AdjustmentWord target)
    {
        var around = new Surroundings();
        var first = at;
        while (first > from && around.Take(clause[first - 1], ahead: false))
            first--;
        var end = at + 1;
        // "Warm light"
        if (target.Form != AdjustmentForm.Noun && end < clause.Length && clause[end].Text == "light")
            end++;
        while (end < clause.Length && around.Take(clause[end], ahead: true))
            end++;
        if (around.Amount(target, IsAlone(first, end)) is not { } amount)
            return false;
        if (amount == 0)
            Refused.Add(target.Kind);
        else
            Found.Add(new Adjustment(target.Kind, amount));
        Array.Fill(_taken, true, first, end - first);
        from = end;
        return true;
    }

    // Whether the clause says nothing but this adjustment and others.
    private bool IsAlone(int first, int end) => clause.Where((_, i) => (i < first || i >= end) && !_taken[i])
        .All(t => t.Kind != PromptTokenKind.Word || Glue.Contains(t.Text) || t.Text == "and" || Targets.ContainsKey(t.Text)
            || Degrees.ContainsKey(t.Text));

    private sealed class Surroundings
    {
        private int _direction;
        private bool _too;
        private bool _tooLittle;
        private bool _not;
        private bool _so;
        private bool _enough;
        private bool _little;
        private bool _more;
        private bool _by;
        private bool _down;
        private bool _very;
        private float? _degree;
        private float? _share;

        public bool Take(PromptToken token, bool ahead)
        {
            if (token.Kind == PromptTokenKind.Amount)
            {
                _share = Math.Abs(token.Share);
                if (token.Signed)
                    _direction = token.Share < 0 ? -1 : 1;
                return true;
            }
            var word = token.Text;
            if (token.Kind != PromptTokenKind.Word || (ahead && (word is "not" or "without" or "no" or "too" or "with" or "so" or "as"
                or "like")))
                return false;
            var by = _by;
            _by = ahead && (word is "by" || (by && word is "a"));
            if (word is "half")
                (_direction, _degree) = (by ? _direction : -1, 0.5f);
            else if (Up.Contains(word) && !(ahead && word != "up"))
                (_direction, _more) = (1, word == "more");
            else if (Down.Contains(word) && !(ahead && word != "down"))
                (_direction, _down) = (-1, ahead);
            else if (Degrees.TryGetValue(word, out var degree))
                (_degree, _little, _very) = (degree, word == "little", _very || (!ahead && Adverbs.Contains(word)));
            else if (Negators.Contains(word))
                _not = true;
            else if (word is "too")
                (_too, _tooLittle) = (true, _little);
            else if (word is "enough")
                _enough = true;
            else if (word is "so" or "as" or "that")
                _so = true;
            else
                return Glue.Contains(word) || (ahead && word == "lights");
            return true;
        }

        /// <summary>The signed amount; 0 where the adjustment is not wanted, null where the words ask for none.</summary>
        public float? Amount(AdjustmentWord target, bool alone)
        {
            if (target.Form == AdjustmentForm.Noun)
                return OfNoun(target, alone);
            var sign = target.Sign;
            var asked = target.Form == AdjustmentForm.Request || alone || _very || _direction != 0 || _share is not null;
            if (_enough)
                return Scaled(sign, Usual);
            if (_too)
                return Scaled(-sign, Usual);
            if (_not)
                return target.Form == AdjustmentForm.Adjective || _so ? Scaled(-sign, _so || _degree is not null ? Small : Usual, _so) : 0;
            if (!asked)
                return null;
            // "Less dark" is brighter, but "dim it down" is no brighter than "dim it".
            return Scaled(_direction < 0 && !_more && !(_down && sign < 0) ? -sign : sign, Usual);
        }

        private float? OfNoun(AdjustmentWord target, bool alone)
        {
            if (_not && _enough)
                return Scaled(1, Usual);
            if (_too)
                return Scaled(_tooLittle ? 1 : -1, Usual, ignoreDegree: true);
            if (_not)
                return _direction > 0 ? 0
                    : _so ? Scaled(-1, Small, ignoreDegree: true)
                    : Scaled(-1, target.Kind == AdjustmentKind.Saturation ? 1 : Usual);
            // "A bit of contrast"
            return _direction != 0 ? Scaled(_direction, Usual) : alone && _degree is not null ? Scaled(1, Usual) : null;
        }

        private float Scaled(int sign, float usual, bool ignoreDegree = false) =>
            sign * Math.Clamp(_share ?? (ignoreDegree ? null : _degree) ?? usual, 0.01f, 1);
    }
}
