package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// shortestPrefix is how much of an id must be given.
const shortestPrefix = 4

// find returns the topic that a person means: by its id, by the beginning of its
// id that no other has, or by its exact name.
func find(ctx context.Context, c *client.Client, word string) (api.Topic, error) {
	list, err := c.Topics(ctx)
	if err != nil {
		return api.Topic{}, err
	}
	return choose(list.Items, word)
}

func choose(topics []api.Topic, word string) (api.Topic, error) {
	var fits []api.Topic
	for _, t := range topics {
		if t.ID == word {
			return t, nil
		}
		if word != "" && t.Name == word || len(word) >= shortestPrefix && strings.HasPrefix(t.ID, strings.ToLower(word)) {
			fits = append(fits, t)
		}
	}
	switch len(fits) {
	case 0:
		return api.Topic{}, &failure{Code: api.CodeNotFound, Title: fmt.Sprintf("there is no topic %q here", word),
			Detail: "see the ones you follow with: linnet topic list"}
	case 1:
		return fits[0], nil
	}
	f := &failure{Code: codeAmbiguous, Title: fmt.Sprintf("%q fits %d topics", word, len(fits)), Detail: "write more of the id of the one you mean"}
	for _, t := range fits {
		f.Candidates = append(f.Candidates, candidate{ID: t.ID, Name: t.Name})
	}
	return api.Topic{}, f
}
