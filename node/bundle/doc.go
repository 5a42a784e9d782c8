// Package bundle puts records into files and takes them out again: the same data
// on a USB stick, in a mail, in a shared folder (PROTOCOL.md §8).
//
// It speaks the format and keeps to its limits. It refuses to know whether a
// record is right: what is read is handed on as bytes, and passes the verdict
// like everything else. A damaged or hostile file yields its good part and an
// [Account] of the rest. Memory does not grow with the file.
//
// Its types are [Writer], [Reader], [Note] (what somebody has, so that others
// write only the rest) and [Folder], a place through which several exchange.
//
//	w, err := bundle.NewWriter(file, bundle.Manifest{Created: now})
//	err = w.Add(raw)
//	err = w.Close()
//
//	r := bundle.NewReader(file)
//	for raw, err := r.Next(); err == nil; raw, err = r.Next() { … }
package bundle
