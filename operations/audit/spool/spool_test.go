package spool_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/operations/audit/spool"
)

// read returns the records of a cursor in the order it gives them.
func read(t require.TestingT, sorter *spool.Sorter) [][]byte {
	cursor, err := sorter.Sorted()
	require.NoError(t, err)
	var records [][]byte
	for {
		record, err := cursor.Next()
		require.NoError(t, err)
		if record == nil {
			return records
		}
		records = append(records, bytes.Clone(record))
	}
}

func TestRecordsComeOutSortedHoweverManyFitInMemory(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const width, keyWidth = 4, 2
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), width, width), 0, 400).Draw(t, "records")
		sorter := spool.New(spool.Config{
			Width: width, KeyWidth: keyWidth, Dir: dir,
			Records: rapid.IntRange(1, 500).Draw(t, "in memory"),
		})
		defer func() { require.NoError(t, sorter.Close()) }()
		for _, record := range records {
			require.NoError(t, sorter.Add(record))
		}
		require.EqualValues(t, len(records), sorter.Count())
		for range 2 {
			sorted := read(t, sorter)
			require.True(t, slices.IsSortedFunc(sorted, func(a, b []byte) int {
				return bytes.Compare(a[:keyWidth], b[:keyWidth])
			}))
			require.ElementsMatch(t, records, sorted)
		}
	})
}

func TestManyGoroutinesAddAtOnce(t *testing.T) {
	const goroutines, each = 4, 5000
	sorter := spool.New(spool.Config{Width: 8, KeyWidth: 8, Records: 100, Dir: t.TempDir()})
	defer sorter.Close()
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				record := binary.BigEndian.AppendUint64(nil, uint64(i*goroutines+g))
				if err := sorter.Add(record); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i, record := range read(t, sorter) {
		require.EqualValues(t, i, binary.BigEndian.Uint64(record))
	}
}

func TestNoFileIsLeftWithAName(t *testing.T) {
	dir := t.TempDir()
	sorter := spool.New(spool.Config{Width: 1, KeyWidth: 1, Records: 1, Dir: dir})
	for i := range 100 {
		require.NoError(t, sorter.Add([]byte{byte(i)}))
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the space is given back even when the program is killed")
	require.Len(t, read(t, sorter), 100)
	require.NoError(t, sorter.Close())
	require.NoError(t, sorter.Close())
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	sorter := spool.New(spool.Config{Width: 1, KeyWidth: 1, Records: 1, Dir: t.TempDir() + "/none"})
	require.NoError(t, sorter.Add([]byte{1}))
	require.ErrorIs(t, sorter.Add([]byte{2}), os.ErrNotExist)
	require.Error(t, sorter.Add([]byte{1, 2}))
}

func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		sorter := spool.New(spool.Config{Width: 80, KeyWidth: 37, Dir: b.TempDir()})
		record := make([]byte, 80)
		random := rand.New(rand.NewPCG(1, 2))
		for range 1_000_000 {
			binary.BigEndian.PutUint64(record, random.Uint64())
			require.NoError(b, sorter.Add(record))
		}
		require.Len(b, read(b, sorter), 1_000_000)
		require.NoError(b, sorter.Close())
	}
}
