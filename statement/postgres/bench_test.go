package postgres_test

import (
	"testing"

	"codebank.dev/statement"
	"github.com/stretchr/testify/require"
)

// BenchmarkReads: what it costs that each query looks up the owner. Everybody needs no look-up.
func BenchmarkReads(b *testing.B) {
	store, sink, _ := opened(b)
	sink.Write(b, purchases(alice, 1, 2000)...)
	_, err := sink.Pool().Exec(b.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(b, err)
	service := statement.NewService(store)
	for name, reader := range map[string]statement.Reader{"everybody": statement.Everybody, "owner": customer} {
		b.Run("statement/"+name, func(b *testing.B) {
			for b.Loop() {
				_, err := service.State(b.Context(), reader, aliceID)
				require.NoError(b, err)
			}
		})
		b.Run("lines/"+name, func(b *testing.B) {
			for b.Loop() {
				page, err := service.Page(b.Context(), statement.PageQuery{Reader: reader, Account: aliceID, Size: 50})
				require.NoError(b, err)
				require.Len(b, page.Lines, 50)
			}
		})
	}
}
