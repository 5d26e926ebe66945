package event

import "fmt"

// FieldDifference is one field in which two copies of an event differ.
type FieldDifference struct {
	// Field is the name on the wire.
	Field string
	// A and B are the values in the first and in the second copy.
	A, B Value
}

// String is the difference as a person reads it.
func (d FieldDifference) String() string {
	return fmt.Sprintf("%s: %s, %s", d.Field, d.A, d.B)
}

// Diff names every field in which a and b differ, in the order of the schema;
// none when they are equal.
func Diff(a, b *Transaction) []FieldDifference {
	var differences []FieldDifference
	for i := range fields {
		if left, right := fields[i].get(a), fields[i].get(b); left != right {
			differences = append(differences, FieldDifference{Field: fields[i].Name, A: left, B: right})
		}
	}
	return differences
}
