package api

// Names of events on the stream at PathEvents. Durable events carry an id that
// resumes; the others say how things are right now and have none.
const (
	EventMessageCreated = "message.created" // durable, data MessageEvent
	EventMessageUpdated = "message.updated" // durable, data MessageEvent
	EventTopicCreated   = "topic.created"   // durable, data TopicEvent
	EventTopicUpdated   = "topic.updated"   // data TopicEvent; durable where the topic itself changed, else without id
	EventTopicRemoved   = "topic.removed"   // durable, data TopicEvent without Info
	EventNodeUpdated    = "node.updated"    // no id, data NodeEvent
	EventReset          = "reset"           // the cursor is unknown or too old: reload, go on from Head
)

// MessageEvent is the data of message events.
type MessageEvent struct {
	V       int     `json:"v"`
	Topic   string  `json:"topic"`
	Message Message `json:"message"`
}

// TopicEvent is the data of topic events.
type TopicEvent struct {
	V     int    `json:"v"`
	Topic string `json:"topic"`
	Info  *Topic `json:"info,omitempty"`
}

// NodeEvent is the data of node events.
type NodeEvent struct {
	V    int  `json:"v"`
	Node Node `json:"node"`
}

// ResetEvent is the data of a reset.
type ResetEvent struct {
	V      int    `json:"v"`
	Reason string `json:"reason"`
	Head   string `json:"head"`
}
