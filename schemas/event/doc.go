// Package event is the bank's transaction event in Go. It has the type, the Avro encoding for every
// released version of the schema, the decoding of events of any version, and the comparison of copies.
//
// A record on a topic is a Confluent frame (magic byte, id of the schema in the registry) followed by
// an Avro body:
//
//	body, err := event.AppendTransaction(nil, event.NewestVersion, &t) // the bank, in its commit
//	record := append(event.AppendFrame(nil, schemaID), body...)       // the relay, when it knows the id
//
//	schemaID, body, err := event.ParseFrame(record) // a consumer
//	err = decoder.Decode(body, &t)                  // decoder := event.NewDecoder(schema of schemaID)
//
// A Watermark states how far a topic of events is complete. It has a schema and a topic of its own.
//
// No function here reads a clock, the environment or a file. All functions are safe for concurrent use,
// as long as no two goroutines share a Transaction.
package event
