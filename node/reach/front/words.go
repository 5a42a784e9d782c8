package front

// What made-up sites are made of.

// club is a kind of club.
type club struct{ names, things, verbs []string }

var clubs = []club{
	{[]string{"Choir", "Singers", "Chamber Choir"}, []string{"the spring concert", "the new songbook", "the alto section", "our old piano", "the carol evening", "the part songs", "the evening rehearsal"}, []string{"sing", "rehearse", "listen"}},
	{[]string{"Gardeners", "Allotments", "Garden Club"}, []string{"the seed exchange", "the compost heap", "the greenhouse", "the apple trees", "the water butts", "the plot by the fence", "the bean rows"}, []string{"plant", "weed", "dig"}},
	{[]string{"Cycling", "Wheelers", "Bike Workshop"}, []string{"the Sunday ride", "the repair evening", "the tool wall", "the tandem", "the hill route", "the spare wheels", "the bike stand"}, []string{"ride", "mend bikes", "set off"}},
	{[]string{"Stargazers", "Astronomy", "Sky Watchers"}, []string{"the big telescope", "the moon evening", "the meteor night", "the dark field", "the eyepiece set", "the star chart", "the observing list"}, []string{"observe", "look up", "set up"}},
	{[]string{"Ramblers", "Walking Group", "Footpaths"}, []string{"the river walk", "the long loop", "the stile repairs", "the map evening", "the winter walk", "the footpath survey", "the tea stop"}, []string{"walk", "set off", "turn back"}},
	{[]string{"Readers", "Book Circle", "Book Club"}, []string{"the book of the month", "the short list", "the reading room", "the second-hand shelf", "the poetry evening", "the author visit", "the big novel"}, []string{"read", "talk", "lend books"}},
	{[]string{"Potters", "Clay Studio", "Pottery"}, []string{"the kiln", "the glaze test", "the wheel by the window", "the open studio", "the beginners' course", "the raku day", "the drying shelf"}, []string{"throw pots", "glaze", "fire"}},
	{[]string{"Chess", "Chess Club", "Knights"}, []string{"the league match", "the rapid tournament", "the junior evening", "the endgame course", "the club clock", "the problem of the week", "the blitz night"}, []string{"play", "analyse", "practise"}},
	{[]string{"Beekeepers", "Honey", "Apiary"}, []string{"the first swarm", "the honey harvest", "the frame workshop", "the hive by the hedge", "the winter feed", "the wax day", "the new queen"}, []string{"inspect", "harvest", "feed"}},
	{[]string{"History", "Local History", "Archive"}, []string{"the photograph collection", "the mill survey", "the parish map", "the oral histories", "the railway talk", "the old school log", "the market hall"}, []string{"dig through papers", "scan", "meet"}},
	{[]string{"Rowing", "Boat Club", "Oars"}, []string{"the eight", "the spring regatta", "the boathouse roof", "the learn-to-row week", "the quad", "the jetty", "the safety launch"}, []string{"row", "train", "go out"}},
	{[]string{"Folk", "Folk Club", "Ceilidh Band"}, []string{"the open session", "the barn dance", "the fiddle workshop", "the tune book", "the summer festival", "the button box", "the slow session"}, []string{"play", "dance", "practise"}},
}

var townHeads = []string{"Ash", "Elm", "Thorn", "Wick", "Mill", "Stone", "Hazel", "Lang", "North", "Marl", "Fen", "Rook", "Oak", "Bram", "Col", "Hart", "Swan", "Withy", "Alder", "Birk", "Cran", "Dun", "Ever", "Gild", "Holm", "King", "Lind", "Mere", "Nether", "Over", "Penn", "Quarr", "Red", "Sel", "Tarn", "Up", "Ven", "Whit", "Yar"}

var townTails = []string{"mere", "ford", "ley", "combe", "stead", "wick", "bury", "ton", "bourne", "hurst", "dale", "field", "gate", "worth", "by", "thorpe", "well", "ham", "church", "bridge"}

var people = []string{"Anna", "Ben", "Carla", "David", "Elsie", "Frank", "Grace", "Harold", "Irene", "James", "Karin", "Leo", "Maria", "Nils", "Olive", "Peter", "Ruth", "Sam", "Tessa", "Ursula", "Victor", "Wendy", "Margaret", "Tom", "Lucy", "George", "Helen", "Ivan", "Joan", "Paul"}

var places = []string{"the village hall", "the church rooms", "the old school", "the library", "the back room of the Crown", "the community centre", "the scout hut", "the station yard", "the barn at Mill Lane", "the upper field"}

var days = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

var months = []string{"January", "February", "March", "April", "May", "June", "July", "September", "October", "November"}

var headlines = []string{
	"News of {thing}", "{person} looks back on {thing}", "A wet {day} and {thing}", "Thank you for {thing}", "{thing} in {month}",
	"{n} of us and {thing}", "New dates for {month}", "What became of {thing}", "Help wanted with {thing}", "Notes from {day}",
	"{month} in {town}", "Moving to {place}", "{person} and {friend} take over", "The {month} meeting", "Photographs of {thing}",
}

var sentences = []string{
	"we meet every {day} at {hour} in {place}.",
	"{person} has promised to look after {thing} until {month}.",
	"about {n} people came, which is more than last year.",
	"newcomers are welcome, and nobody needs to bring anything.",
	"if you would like to {do} with us, just come along.",
	"{thing} took longer than planned, but it was worth it.",
	"there was tea, and {person} had baked.",
	"we still need somebody to help with {thing}.",
	"the next date is a {day} in {month}; the list hangs in {place}.",
	"{person} and {friend} spent the whole {day} on {thing}.",
	"after {thing} we talked about {other}.",
	"the weather held until {hour} o'clock.",
	"last {month} we could {do} only twice because of the rain.",
	"the committee has agreed to set some money aside for {thing}.",
	"many thanks to everybody who carried chairs.",
	"{friend} asked whether {other} could be moved to {month}.",
	"from now on we {do} on {day} evenings as well.",
	"somebody left a green umbrella in {place}.",
	"{person} told us how {thing} used to be done in {town}.",
	"the subscription stays the same for another year.",
	"we hope to have {thing} ready by {month}.",
	"young people come free, and their parents are welcome to watch.",
	"those who cannot come on {day} can ask {friend} for the notes.",
	"it was the first time for {n} of us.",
	"the key to {place} is with {person}.",
	"{other} will have to wait until there are more of us.",
	"there are still a few places left.",
	"next time we start half an hour earlier.",
	"{town} has known us for a long time, and we hope that it stays that way.",
	"please tell {person} by {day} if you want to come.",
	"the photographs will be up as soon as {friend} finds the cable.",
	"everyone agreed that {thing} was the best part.",
}
