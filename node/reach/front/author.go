package front

import (
	"bytes"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// author makes up the site of a club in some small town. All of it follows from a
// bridge's key, and no two bridges have the same.
type author struct {
	*rand.Rand
	town, title string
	club        club
	people      []string
}

func newAuthor(key []byte) *author {
	a := &author{Rand: rand.New(rand.NewChaCha8([32]byte(derive(key, "site", 32))))}
	a.town = pick(a, townHeads) + pick(a, townTails)
	a.club = pick(a, clubs)
	a.title = a.town + " " + pick(a, a.club.names)
	for range 5 {
		a.people = append(a.people, pick(a, people))
	}
	return a
}

func pick[T any](a *author, of []T) T { return of[a.IntN(len(of))] }

// madeUpName is the domain such a club could have.
func madeUpName(key []byte) string {
	a := newAuthor(key)
	words := strings.Fields(strings.ToLower(a.title))
	return strings.Join(words, pick(a, []string{"", "-"})) + pick(a, []string{".org", ".net", ".com", ".info"})
}

// story is one piece of news.
type story struct {
	Title, Path, Date string
	Paragraphs        []string
	when              time.Time
}

func (s story) First() string { return s.Paragraphs[0] }

type view struct {
	Title, Site, Town, Motto, Name, Year string
	Stories                              []story
	Text                                 []string
	Menu                                 [][2]string
	Class                                map[string]string
	Short                                bool
}

func madeUp(key []byte, name string) http.Handler {
	a := newAuthor(key)
	all := pages{}
	stories := a.stories()
	newest := stories[0].when
	founded := fmt.Sprint(1950 + a.IntN(70))
	v := view{
		Site: a.title, Town: a.town, Name: name, Motto: a.sentence(), Year: founded, Stories: stories,
		Class: map[string]string{}, Menu: [][2]string{{"/", pick(a, []string{"Home", "Start", "Welcome"})}},
	}
	for _, part := range []string{"head", "menu", "main", "story", "foot"} {
		v.Class[part] = pick(a, []string{part, part + "-box", "c-" + part, "site-" + part, part + fmt.Sprint(1+a.IntN(3))})
	}
	archive := pick(a, []string{"/news.html", "/archive.html", "/diary.html"})
	about, contact := pick(a, []string{"/about.html", "/club.html", "/who-we-are.html"}), pick(a, []string{"/contact.html", "/find-us.html", "/visit.html"})
	v.Menu = append(v.Menu, [2]string{archive, pick(a, []string{"News", "Diary", "What we did"})},
		[2]string{about, pick(a, []string{"About", "Who we are", "The club"})}, [2]string{contact, pick(a, []string{"Contact", "Find us", "Visit"})})

	home := v
	home.Title, home.Short, home.Text = a.title, true, []string{a.paragraph(), a.paragraph()}
	home.Stories = stories[:min(len(stories), 3+a.IntN(3))]
	all.put("/", newest, v.render(home))
	list := v
	list.Title, list.Short = "Everything so far", true
	all.put(archive, newest, v.render(list))
	a.plain(all, v, about, "About us", []string{"We have been here since " + founded + ".", a.paragraph(), a.paragraph(), a.paragraph()})
	a.plain(all, v, contact, "Where to find us", []string{a.paragraph(), "Write to us: post@" + name + "."})
	for _, s := range stories {
		one := v
		one.Title, one.Stories = s.Title, []story{s}
		all.put(s.Path, s.when, v.render(one))
	}
	a.files(all, name, newest, stories)
	return all
}

func (a *author) plain(all pages, v view, path, title string, text []string) {
	v.Title, v.Text, v.Stories = title, text, nil
	all.put(path, a.day(), v.render(v))
}

func (view) render(v view) []byte {
	var b bytes.Buffer
	if err := layout.Execute(&b, v); err != nil {
		panic(err) // the template and its data are ours
	}
	return b.Bytes()
}

// stories returns the news, the newest first.
func (a *author) stories() []story {
	all := make([]story, 6+a.IntN(10))
	when := time.Date(2025, time.Month(1+a.IntN(10)), 1+a.IntN(28), 7+a.IntN(15), a.IntN(60), a.IntN(60), 0, time.UTC)
	for i := range all {
		title := a.fill(pick(a, headlines))
		s := story{Title: title, when: when, Date: when.Format("2 January 2006")}
		s.Path = fmt.Sprintf("/%s/%s.html", when.Format("2006"), strings.Trim(strings.Map(slug, strings.ToLower(title)), "-"))
		for range 2 + a.IntN(4) {
			s.Paragraphs = append(s.Paragraphs, a.paragraph())
		}
		all[i] = s
		when = when.Add(-time.Duration(100+a.IntN(1500)) * time.Hour)
	}
	return all
}

func slug(r rune) rune {
	if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
		return r
	}
	if r == ' ' {
		return '-'
	}
	return -1
}

func (a *author) paragraph() string {
	var b []string
	for range 3 + a.IntN(4) {
		b = append(b, a.sentence())
	}
	return strings.Join(b, " ")
}

func (a *author) sentence() string { return a.fill(pick(a, sentences)) }

// fill puts words in the place of names in braces.
func (a *author) fill(s string) string {
	r := strings.NewReplacer(
		"{thing}", pick(a, a.club.things), "{other}", pick(a, a.club.things), "{place}", pick(a, places),
		"{person}", pick(a, a.people), "{friend}", pick(a, a.people), "{day}", pick(a, days), "{month}", pick(a, months),
		"{n}", fmt.Sprint(2+a.IntN(28)), "{town}", a.town, "{do}", pick(a, a.club.verbs), "{hour}", fmt.Sprint(2+a.IntN(7)),
	)
	s = r.Replace(s)
	return strings.ToUpper(s[:1]) + s[1:]
}

func (a *author) day() time.Time {
	return time.Date(2023+a.IntN(2), time.Month(1+a.IntN(12)), 1+a.IntN(28), 8+a.IntN(13), a.IntN(60), a.IntN(60), 0, time.UTC)
}

// files adds what a site has beside its pages.
func (a *author) files(all pages, name string, newest time.Time, stories []story) {
	day := a.day()
	dark, light := fmt.Sprintf("#%02x%02x%02x", 20+a.IntN(90), 20+a.IntN(90), 20+a.IntN(90)), fmt.Sprintf("#%02x%02x%02x", 235+a.IntN(20), 235+a.IntN(20), 235+a.IntN(20))
	fonts := []string{"Georgia, serif", "system-ui, sans-serif", "Verdana, sans-serif", "Palatino, serif", "Helvetica, Arial, sans-serif"}
	css := fmt.Sprintf("body { margin: 0 auto; max-width: %dem; padding: %dpx; font: %dpx/1.%d %s; color: #222; background: %s; }\n",
		38+a.IntN(20), 8+a.IntN(24), 15+a.IntN(4), 4+a.IntN(3), pick(a, fonts), light) +
		fmt.Sprintf("a { color: %s; }\nh1, h2 { color: %s; font-family: %s; }\n", dark, dark, pick(a, fonts)) +
		pick(a, []string{"nav { float: right; width: 10em; }\nnav a { display: block; }\n", "nav a { margin-right: 1em; }\n", "nav { border-bottom: 1px solid; padding: 8px 0; }\nnav a { padding: 0 12px 0 0; }\n"}) +
		pick(a, []string{"time { color: #777; }\n", "time { font-size: 85%; }\n", "time { float: right; }\n"})
	all.put("/style.css", day, []byte(css))
	all.put("/robots.txt", day, []byte(pick(a, []string{"User-agent: *\nDisallow:\n", "User-agent: *\nAllow: /\n", "User-agent: *\nDisallow: /drafts/\n"})))
	var urls strings.Builder
	for _, s := range stories {
		fmt.Fprintf(&urls, "<url><loc>https://%s%s</loc><lastmod>%s</lastmod></url>\n", template.HTMLEscapeString(name), s.Path, s.when.Format(time.DateOnly))
	}
	all.put("/sitemap.xml", newest, []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"+urls.String()+"</urlset>\n"))
	all.put("/favicon.ico", day, a.icon())
}

// icon draws a small pattern, the same on both sides.
func (a *author) icon() []byte {
	const cells, cell = 8, 4
	m := image.NewPaletted(image.Rect(0, 0, cells*cell, cells*cell), color.Palette{
		color.RGBA{uint8(230 + a.IntN(26)), uint8(230 + a.IntN(26)), uint8(230 + a.IntN(26)), 255},
		color.RGBA{uint8(a.IntN(160)), uint8(a.IntN(160)), uint8(a.IntN(160)), 255}})
	for x := range cells / 2 {
		for y := range cells {
			ink := uint8(a.IntN(2))
			for i := range cell * cell {
				m.SetColorIndex(x*cell+i%cell, y*cell+i/cell, ink)
				m.SetColorIndex((cells-1-x)*cell+i%cell, y*cell+i/cell, ink)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

var layout = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{if ne .Title .Site}}{{.Title}} - {{end}}{{.Site}}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/favicon.ico">
</head>
<body>
<header class="{{.Class.head}}"><h1>{{.Site}}</h1>
<p>{{.Motto}}</p></header>
<nav class="{{.Class.menu}}">{{range .Menu}}<a href="{{index . 0}}">{{index . 1}}</a>
{{end}}</nav>
<main class="{{.Class.main}}">
{{if ne .Title .Site}}<h2>{{.Title}}</h2>
{{end}}{{range .Text}}<p>{{.}}</p>
{{end}}{{$short := .Short}}{{$class := .Class.story}}{{range .Stories}}<article class="{{$class}}">
{{if $short}}<h3><a href="{{.Path}}">{{.Title}}</a></h3>
{{end}}<time>{{.Date}}</time>
{{if $short}}<p>{{.First}}</p>
{{else}}{{range .Paragraphs}}<p>{{.}}</p>
{{end}}{{end}}</article>
{{end}}</main>
<footer class="{{.Class.foot}}"><p>{{.Site}}, since {{.Year}}</p></footer>
</body>
</html>
`))
