package pix

import (
	"fmt"
	"maps"
	"slices"
)

// KeyTally is the exclusive or over the digests of a bank's active keys of one kind, and how many they are. Two sets of keys
// are equal when their tallies are.
type KeyTally struct {
	Count  int64
	Digest [32]byte
}

// Keys are the tallies over the keys of one bank, by kind, as the bank's copy and the hub have them. A kind without a key
// is not there.
type Keys struct {
	Bank      string
	Copy, Hub map[string]KeyTally
}

// KeyCount is how many active keys of a kind a bank's copy has, and how many the hub has of it.
type KeyCount struct {
	Bank string `json:"bank_code"`
	Kind string `json:"kind"`
	Copy int64  `json:"copy_count"`
	Hub  int64  `json:"hub_count"`
}

// AddKeys compares the keys of a bank with the hub's and adds the outcome to the report. A difference is a finding without an
// end-to-end id.
func (r *Report) AddKeys(keys Keys) {
	kinds := maps.Clone(keys.Copy)
	if kinds == nil {
		kinds = make(map[string]KeyTally)
	}
	maps.Copy(kinds, keys.Hub)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		ours, theirs := keys.Copy[kind], keys.Hub[kind]
		r.Keys = append(r.Keys, KeyCount{Bank: keys.Bank, Kind: kind, Copy: ours.Count, Hub: theirs.Count})
		if ours == theirs {
			continue
		}
		detail := fmt.Sprintf("the bank's copy has %d active keys, and the hub %d", ours.Count, theirs.Count)
		if ours.Count == theirs.Count {
			detail = fmt.Sprintf("the digests over %d active keys differ", ours.Count)
		}
		r.Findings = append(r.Findings, Finding{Place: keys.Bank, Field: "keys " + kind, Detail: detail + "; see bankctl pix reconcile --dry-run"})
	}
	r.Equal = len(r.Findings) == 0
}
