// Package provision has the common parts of bringing a service into a wanted state: it
// reports what was done to an object, compares two configurations, and waits for a service
// that is still starting. It knows no service; packages topics, schemaregistry,
// elasticsearch, kafkaconnect and kibana use it. Provisioning is declarative: an object in
// its wanted state is not changed, so a second run changes nothing.
package provision

// Action is what was done to an object.
type Action string

// The actions.
const (
	// Created means that the object did not exist before.
	Created Action = "created"
	// Updated means that the object existed and was changed.
	Updated Action = "updated"
	// Unchanged means that the object was as wanted.
	Unchanged Action = "unchanged"
	// Refused means that the service refused the object. Nothing of it was changed, or
	// nobody can tell what was.
	Refused Action = "refused"
)

// Refusal says why a service refused an object.
type Refusal struct {
	// Cause is one word for the cause, from a closed list of the service's client.
	Cause string `json:"cause"`
	// Status is the HTTP status of the answer; 0 if the cause was found in another way.
	Status int `json:"status,omitempty"`
	// Message is the service's own message.
	Message string `json:"message"`
}

// Result is what happened to one object.
type Result struct {
	// Kind is the kind of object in words: topic, subject, template, index, connector.
	Kind string `json:"kind"`
	// Name is the object's name within its service.
	Name string `json:"name"`
	// Action is what was done.
	Action Action `json:"action"`
	// Detail says in words what was changed or found. It holds no secrets; it may be empty.
	Detail string `json:"detail,omitempty"`
	// Refusal is set if Action is Refused.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Report gets the result of each object as soon as there is one. Calls never overlap.
type Report func(Result)
