# Names, addresses and phone patterns by country, all made up; native=roman where the script is not Latin
package StakesyncSim::Names;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use Unicode::Normalize qw(NFD);

our @EXPORT_OK = qw(countries romanise);

# share: of 600 people; mobile: # is a digit; cities: zip|city|state
my @COUNTRY = (
	{
		code => 'CH', share => 120, dial => '41', trunk => '0', mobile => '79 ### ## ##',
		currency => 'CHF', pay => [ 62000, 165000 ],
		men => [qw(Jürg Luca Nico Beat René Andrin Matteo Urs François Gian Reto Loïc)],
		women => [qw(Zoë Ladina Mia Anaïs Regula Hélène Corina Lea Noemi Céline Seraina Vreni)],
		last => [qw(Müller Meier Keller Zürcher Aebischer Bünzli Rüegg Caflisch Berset Cotti),
			qw(Bernasconi Näf Oberhänsli Jäggi Zbinden Favre), 'von Allmen', "D'Amico"],
		cities => [ '8001|Zürich|ZH', '3011|Bern|BE', '1204|Genève|GE', '6900|Lugano|TI', '9000|St. Gallen|SG', '7000|Chur|GR' ],
		streets => [ 'Bahnhofstrasse #', 'Rue du Rhône #', 'Via Nassa #', 'Höhenweg #a', 'Im Grüt #' ],
	},
	{
		code => 'DE', share => 90, dial => '49', trunk => '0', mobile => '151 ########',
		currency => 'EUR', pay => [ 42000, 120000 ],
		men => [qw(Jörg Lukas Björn Karl-Heinz Günther Felix Jonas Sören Matthias Till)],
		women => [qw(Käthe Johanna Anke Frauke Ännchen Lieselotte Ute Sophie Maja Gülsüm)],
		last => [qw(Schröder Weiß Großmann Lütke Özdemir Jäger Böhm Schäfer Krause Winkler Köhler),
			'von der Heide', 'Müller-Lüdenscheidt', 'zu Wied'],
		cities => [ '10115|Berlin|BE', '20095|Hamburg|HH', '80331|München|BY', '50667|Köln|NW', '01067|Dresden|SN' ],
		streets => [ 'Königstraße #', 'Am Weiher #', 'Goethestr. #', 'Straße des 17. Juni #' ],
	},
	{
		code => 'FR', share => 50, dial => '33', trunk => '0', mobile => '6 12 ## ## ##',
		currency => 'EUR', pay => [ 36000, 95000 ],
		men => [qw(Étienne Léo Benoît Rémi Jérôme Jean-Loup Cédric Gaëtan)],
		women => [qw(Chloé Maëlys Inès Aurélie Éloïse Agnès Bérénice Léa)],
		last => [qw(Lefèvre Gauthier Béranger Dufrêne Chauvière Prévost Lécuyer Noël), "L'Hôpital", 'de La Tour', 'Le Goff'],
		cities => [ '75011|Paris|', '69002|Lyon|', '13001|Marseille|', '06000|Nice|', '67000|Strasbourg|' ],
		streets => [ '# bis, rue de la Forêt', '#, allée des Érables', '#, quai Saint-Michel' ],
	},
	{
		code => 'GB', share => 45, dial => '44', trunk => '0', mobile => '7400 ######',
		currency => 'GBP', pay => [ 31000, 105000 ],
		men => [qw(Alistair Rhys Callum Graham Oliver Tariq Ewan Nigel)],
		women => [qw(Siân Fiona Imogen Priya Harriet Morag Bethan Gemma)],
		last => [qw(Ashworth Llewellyn Okafor Pemberton McAllister Thackeray Singh Cholmondeley), "O'Hara", 'Smith-Jones', 'Featherstonehaugh'],
		cities => [ 'EC1A 1BB|London|', 'M1 1AE|Manchester|', 'EH1 1YZ|Edinburgh|Scotland', 'CF10 1EP|Cardiff|Wales' ],
		streets => [ '# High Street', 'Flat #, Rose Court', "# St John's Road" ],
	},
	{
		code => 'US', share => 70, dial => '1', trunk => '', mobile => '201-555-01##',
		currency => 'USD', pay => [ 58000, 210000 ],
		men => [qw(Tyler DeShawn Brandon José Wyatt Kenji Marcus Cole)],
		women => [qw(Madison LaToya Brooke María Skylar Mei Peyton Aaliyah)],
		last => [qw(Johnson Washington Nguyen García Rodríguez Kowalczyk Begay Whitfield Delacroix), 'Van Buren', "O'Neal", 'St. James'],
		cities => [ '10001|New York|NY', '94103|San Francisco|CA', '02108|Boston|MA', '78701|Austin|TX', '00901|San Juan|PR' ],
		streets => [ '# Main St', '# W 34th Street, Apt 5', '# Peachtree Ave #2' ],
	},
	{
		code => 'JP', share => 30, dial => '81', trunk => '0', mobile => '90-1###-####',
		currency => 'JPY', pay => [ 4200000, 11000000 ], family_first => 1,
		men => [qw(太郎=Taro 健=Ken 翔太=Shota 大輔=Daisuke 悠真=Yuma 𠮷彦=Yoshihiko)],
		women => [qw(花子=Hanako さくら=Sakura 美咲=Misaki 陽菜=Hina 恵=Megumi 由美=Yumi)],
		last => [qw(山田=Yamada 佐藤=Sato 鈴木=Suzuki 𠮷田=Yoshida 髙橋=Takahashi 渡邊=Watanabe 𩸽川=Hokkegawa 小林=Kobayashi)],
		cities => [ '100-0001|東京都千代田区|東京都', '530-0001|大阪市北区|大阪府', '604-8001|京都市中京区|京都府' ],
		streets => [ '丸の内一丁目#番', '梅田#丁目3-1', 'サンハイツ#号室' ],
	},
	{
		code => 'PL', share => 30, dial => '48', trunk => '', mobile => '512 ### ###',
		currency => 'PLN', pay => [ 78000, 260000 ],
		men => [qw(Łukasz Paweł Grzegorz Michał Wojciech Józef)],
		women => [qw(Małgorzata Agnieszka Żaneta Łucja Zofia Grażyna)],
		last => [qw(Wiśniewski Kowalski Dąbrowski Zieliński Wójcik Brzęczyszczykiewicz)],
		last_women => [qw(Wiśniewska Kowalska Dąbrowska Zielińska Wójcik Brzęczyszczykiewicz)],
		cities => [ '00-001|Warszawa|mazowieckie', '31-001|Kraków|małopolskie', '90-001|Łódź|łódzkie' ],
		streets => [ 'ul. Świętokrzyska #', 'ul. Długa #/12' ],
	},
	{
		code => 'PT', share => 20, dial => '351', trunk => '', mobile => '912 ### ###',
		currency => 'EUR', pay => [ 19000, 62000 ],
		men => [qw(João Simão Gonçalo Rui António Tomé)],
		women => [qw(Conceição Inês Assunção Mafalda Beatriz Íris)],
		last => [qw(Magalhães Guimarães Conceição Simões Araújo), 'dos Santos', 'da Câmara', 'e Silva'],
		cities => [ '1100-148|Lisboa|', '4050-253|Porto|', '8000-078|Faro|' ],
		streets => [ 'Rua da Esperança #', 'Avenida da República #, 3.º Esq.' ],
	},
	{
		code => 'GR', share => 15, dial => '30', trunk => '', mobile => '691 ### ####',
		currency => 'EUR', pay => [ 17000, 54000 ],
		men => [qw(Γιώργος=Giorgos Νίκος=Nikos Δημήτρης=Dimitris Θωμάς=Thomas)],
		women => [qw(Μαρία=Maria Ελένη=Eleni Κατερίνα=Katerina Αφροδίτη=Afroditi)],
		last => [qw(Παπαδόπουλος=Papadopoulos Γεωργίου=Georgiou Οικονόμου=Oikonomou Νικολαΐδης=Nikolaidis)],
		last_women => [qw(Παπαδοπούλου=Papadopoulou Γεωργίου=Georgiou Οικονόμου=Oikonomou Νικολαΐδου=Nikolaidou)],
		cities => [ '105 57|Αθήνα|', '546 24|Θεσσαλονίκη|' ],
		streets => [ 'Ερμού #', 'Λεωφόρος Νίκης #' ],
	},
	{
		code => 'RU', share => 12, dial => '7', trunk => '8 ', mobile => '912 ###-##-##',
		currency => 'RUB', pay => [ 900000, 3600000 ],
		men => [qw(Сергей=Sergey Фёдор=Fyodor Дмитрий=Dmitry Илья=Ilya)],
		women => [qw(Наталья=Natalya Алёна=Alyona Юлия=Yulia Ольга=Olga)],
		last => [qw(Иванов=Ivanov Щербаков=Shcherbakov Соловьёв=Solovyov Кузнецов=Kuznetsov)],
		last_women => [qw(Иванова=Ivanova Щербакова=Shcherbakova Соловьёва=Solovyova Кузнецова=Kuznetsova)],
		cities => [ '101000|Москва|', '190000|Санкт-Петербург|' ],
		streets => [ 'ул. Ленина, д. #', 'Невский проспект, #' ],
	},
	{
		code => 'UA', share => 18, dial => '380', trunk => '0', mobile => '50 ### ####',
		currency => 'UAH', pay => [ 380000, 1500000 ],
		men => [qw(Андрій=Andrii Тарас=Taras Юрій=Yurii Євген=Yevhen)],
		women => [qw(Оксана=Oksana Ірина=Iryna Катерина=Kateryna Їванна=Yivanna)],
		last => [qw(Шевченко=Shevchenko Коваленко=Kovalenko Ґалаґан=Galagan Лук'яненко=Lukianenko)],
		cities => [ '01001|Київ|', '79000|Львів|Львівська область' ],
		streets => [ 'вул. Хрещатик, #', 'пл. Ринок, #' ],
	},
	{
		code => 'IN', share => 35, dial => '91', trunk => '', mobile => '81234 #####',
		currency => 'INR', pay => [ 700000, 4200000 ],
		men => [qw(Arjun Rahul Vikram Suresh अमित=Amit Mohammed)],
		women => [qw(Ananya Lakshmi Divya Kavitha प्रिया=Priya Fatima)],
		last => [qw(Sharma Iyer Reddy Chatterjee Patel गुप्ता=Gupta Venkataraman Khan)],
		cities => [ '560001|Bengaluru|Karnataka', '400001|Mumbai|Maharashtra', '110001|New Delhi|Delhi' ],
		streets => [ '#/4, MG Road', 'Plot #, Sector 21' ],
	},
	{
		code => 'SA', share => 12, dial => '966', trunk => '0', mobile => '51 ### ####',
		currency => 'SAR', pay => [ 96000, 420000 ],
		men => [qw(محمد=Mohammed عبدالله=Abdullah خالد=Khalid فهد=Fahad)],
		women => [qw(فاطمة=Fatimah نورة=Noura سارة=Sarah ريم=Reem)],
		last => [qw(العتيبي=Alotaibi القحطاني=Alqahtani الحربي=Alharbi الزهراني=Alzahrani)],
		cities => [ '11564|الرياض|', '21577|جدة|' ],
		streets => [ 'شارع الملك فهد #', 'طريق العليا #' ],
	},
	{
		code => 'BR', share => 30, dial => '55', trunk => '', mobile => '11 96123-####',
		currency => 'BRL', pay => [ 72000, 310000 ],
		men => [qw(Antônio Luís Caetano Thiago Jurandir Estêvão)],
		women => [qw(Luíza Fátima Rosângela Thaís Cecília Antônia)],
		last => [qw(Gonçalves Assunção Corrêa Vasconcelos Brandão), 'da Conceição', 'dos Anjos'],
		cities => [ '01310-100|São Paulo|SP', '20040-002|Rio de Janeiro|RJ', '70040-010|Brasília|DF' ],
		streets => [ 'Av. Paulista, # - conj. 81', 'Rua Sete de Setembro, #' ],
	},
	{
		code => 'TR', share => 10, dial => '90', trunk => '0', mobile => '501 234 ## ##',
		currency => 'TRY', pay => [ 480000, 2100000 ],
		men => [qw(İsmail Çağrı Doğukan Yiğit)],
		women => [qw(Şule Işıl Gülşah İpek)],
		last => [qw(Yılmaz Çelik Işık Öztürk Güneş İnce)],
		cities => [ '34110|İstanbul|', '35210|İzmir|' ],
		streets => [ 'İstiklâl Cad. No: #', 'Bağdat Caddesi #' ],
	},
	{
		code => 'VN', share => 8, dial => '84', trunk => '0', mobile => '912 345 ###',
		currency => 'VND', pay => [ 240000000, 900000000 ], family_first => 1,
		men => [qw(Dũng Hiếu Đức Tuấn)],
		women => [qw(Hương Thảo Ngọc Trâm)],
		last => [qw(Nguyễn Trần Phạm Đặng Huỳnh)],
		cities => [ '700000|Thành phố Hồ Chí Minh|', '100000|Hà Nội|' ],
		streets => [ '# Đường Nguyễn Huệ', 'Số # phố Hàng Đào' ],
	},
	{
		code => 'IE', share => 5, dial => '353', trunk => '0', mobile => '85 012 ####',
		currency => 'EUR', pay => [ 38000, 110000 ],
		men => [qw(Ciarán Oisín Pádraig)],
		women => [qw(Sinéad Caoimhe Róisín)],
		last => [ "O'Brien", "Ó Súilleabháin", 'Ní Dhomhnaill', 'Byrne' ],
		cities => [ 'D02 X285|Dublin|', 'T12 W8KP|Cork|' ],
		streets => [ '# Grafton Street', 'Apt. #, The Quays' ],
	});

sub countries
{
	return @COUNTRY;
}

# Letters that do not decompose
my %PLAIN = (
	'ß' => 'ss', 'ł' => 'l', 'Ł' => 'L', 'ø' => 'o', 'đ' => 'd', 'Đ' => 'D', 'ı' => 'i',
	'æ' => 'ae', 'œ' => 'oe');

# Split "native=roman"; a Latin name becomes its own ASCII form
sub romanise
{
	my ($entry) = @_;
	my ($native, $roman) = split /=/, $entry, 2;

	return ($native, $roman) if defined $roman;
	$roman = NFD($native);
	$roman =~ s/\p{Mn}//g;
	$roman =~ s/([^\x00-\x7f])/$PLAIN{$1} \/\/ ''/ge;
	return ($native, $roman);
}

1;
