using System.Data.Common;
using System.Text;

namespace TrueLive.Clips;

/// <summary>Parameterised commands over ADO.NET; the only way that values reach SQL text here.</summary>
internal static class Sql
{
    public static async Task<int> ExecuteAsync(DbConnection connection, DbTransaction? transaction, string text, CancellationToken cancel,
        params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, transaction, text, values);
        return await command.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
    }

    public static async Task<List<T>> QueryAsync<T>(DbConnection connection, DbTransaction? transaction, string text,
        Func<DbDataReader, T> row, CancellationToken cancel, params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, transaction, text, values);
        await using var reader = await command.ExecuteReaderAsync(cancel).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel).ConfigureAwait(false))
            rows.Add(row(reader));
        return rows;
    }

    private static DbCommand Command(
        DbConnection connection, DbTransaction? transaction, string text, (string Name, object? Value)[] values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Every caller passes a constant; values travel as parameters.
        command.CommandText = text;
#pragma warning restore CA2100
        command.Transaction = transaction;
        foreach (var (name, value) in values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = "@" + name;
            parameter.Value = value is string words ? Storable(words) : value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }
        return command;
    }

    // PostgreSQL takes neither NUL characters nor halves of surrogate pairs, which the words of a failure may hold.
    private static string Storable(string words) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(words)).Replace("\0", "", StringComparison.Ordinal);
}
