"""Comments as people write them, about a kilobyte a language, for the tests of decoding.

Each text is put into a Python file and encoded in every encoding that its language is written in.
"""

# Other scripts' letters are what this file is about, and its lines are as long as their sentences.
# ruff: noqa: E501, RUF001

TEXTS: dict[str, str] = {
    "Polish": """\
Ta funkcja wczytuje plik z ustawieniami i sprawdza, czy wszystkie wymagane pola są obecne.
Jeżeli brakuje któregoś z pól, zgłaszamy błąd z nazwą pliku i numerem wiersza, żeby użytkownik wiedział, gdzie szukać.
Wartości domyślne są nadpisywane dopiero po sprawdzeniu, ponieważ częściowo wczytane ustawienia są gorsze niż żadne.
Uwaga: ścieżki względne liczymy od położenia pliku, a nie od bieżącego katalogu.
Poprzednia wersja działała odwrotnie i sprawiała ludziom wiele kłopotów, zwłaszcza przy uruchamianiu z crona.
Zwracamy słownik, którego klucze są uporządkowane tak samo jak w pliku źródłowym.
Pamiętaj, że wynik może zawierać polskie znaki, więc zapisuj go zawsze w tym samym kodowaniu.
Pętla poniżej jest wolna dla bardzo dużych plików, lecz w praktyce nigdy nie mają one więcej niż tysiąc wierszy.
Gdyby okazało się inaczej, należy użyć generatora i przetwarzać dane porcjami.
Śledzenie zmian w pliku odbywa się w osobnym wątku, który kończy się razem z programem.
Wyjątki zgłaszane w środku są przekazywane dalej bez żadnych zmian.
""",
    "Czech": """\
Tato třída spravuje připojení k databázi a stará se o to, aby se každé spojení nakonec uzavřelo.
Při chybě se operace zopakuje nejvýše třikrát, mezi pokusy se čeká čím dál déle.
Pokud ani potom server neodpoví, vyhodí se výjimka, která obsahuje původní důvod selhání.
Není bezpečné sdílet jednu instanci mezi více vlákny, protože kurzor si pamatuje rozečtený výsledek.
Dříve jsme používali zámek, ale ten zpomaloval běžné dotazy více, než bylo přijatelné.
Časové údaje ukládáme vždy v koordinovaném světovém čase a převádíme je až při zobrazení.
Názvy sloupců mohou obsahovat háčky a čárky, proto je nutné je uzavřít do uvozovek.
Následující metoda vrátí počet řádků, které odpovídají zadané podmínce, aniž by je načetla do paměti.
Žádost o příliš velké množství dat odmítneme hned na začátku, ještě než se cokoli odešle po síti.
Úplný seznam možných nastavení najdete v příručce, kapitola o ladění výkonu.
Výjimky vyvolané uvnitř bloku předáváme dál beze změny, protože o nich rozhoduje až volající kód.
Příliš žluťoučký kůň úpěl ďábelské ódy.
""",
    "Hungarian": """\
Ez a függvény beolvassa a beállításokat, és ellenőrzi, hogy minden kötelező mező ki van-e töltve.
Ha valamelyik érték hiányzik, akkor olyan hibát dobunk, amelyből kiderül a fájl neve és a sor száma.
Az alapértelmezett értékeket csak az ellenőrzés után írjuk felül, mert a félig betöltött állapot veszélyes lehet.
Figyelem: a relatív útvonalakat a fájl helyéhez képest értelmezzük, nem a munkakönyvtárhoz képest.
A korábbi változat fordítva működött, és ez rengeteg bosszúságot okozott a felhasználóknak.
A visszaadott szótár kulcsainak sorrendje ugyanaz, mint az eredeti állományban.
A hosszú ő és ű betűk miatt ügyelni kell a kódolásra, különben az ékezetek elvesznek a mentéskor.
Az alábbi ciklus lassú nagyon nagy bemenet esetén, de a gyakorlatban ez még sohasem fordult elő.
Ha mégis szükség lenne rá, érdemes darabonként feldolgozni az adatokat, így kevesebb memória is elég.
A naplózás külön szálon történik, amely a főprogrammal együtt áll le.
A blokkon belül keletkező kivételeket változtatás nélkül továbbadjuk a hívónak.
""",
    "German": """\
Diese Funktion liest die Einstellungen ein und prüft, ob alle nötigen Felder vorhanden sind.
Fehlt eines davon, so wird ein Fehler ausgelöst, der den Namen der Datei und die Zeile nennt.
Die Vorgabewerte werden erst nach der Prüfung überschrieben, denn halb geladene Einstellungen wären gefährlich.
Achtung: Relative Pfade gelten ab dem Ort der Datei und nicht ab dem aktuellen Verzeichnis.
Die frühere Fassung machte es umgekehrt, was für die Benutzer häufig ärgerlich war.
Größere Dateien müssen stückweise verarbeitet werden, sonst läuft der Speicher über.
Die Schlüssel des zurückgegebenen Wörterbuchs stehen in derselben Reihenfolge wie in der Datei.
Die Schleife unten ist für sehr große Eingaben zu langsam, das kommt in der Praxis aber nicht vor.
Außerdem wäre es möglich, die Ergebnisse zwischenzuspeichern; bisher lohnt sich der Aufwand dafür nicht.
Das Schließen übernimmt ein eigener Strang, der spätestens mit dem Hauptprogramm endet.
Ausnahmen, die innerhalb des Blocks auftreten, reichen wir unverändert an den Aufrufer weiter.
""",
    "French": """\
Cette fonction lit le fichier de configuration et vérifie que tous les champs obligatoires sont présents.
S'il en manque un, nous levons une erreur qui précise le nom du fichier et le numéro de la ligne concernée.
Les valeurs par défaut ne sont remplacées qu'après la vérification, car un état à moitié chargé serait dangereux.
Attention : les chemins relatifs partent de l'emplacement du fichier, et non du répertoire courant.
La version précédente faisait l'inverse, ce qui gênait énormément les utilisateurs expérimentés.
Les clés du dictionnaire renvoyé gardent le même ordre que dans le fichier d'origine.
Là où c'est possible, les données sont traitées par morceaux afin de ménager la mémoire.
La boucle ci-dessous est lente pour des entrées très longues, mais cela n'arrive jamais en pratique.
Il faudrait peut-être mémoriser les résultats déjà calculés ; jusqu'à présent cela n'a pas été nécessaire.
Le fichier est fermé à la fin du bloc, même si une exception a été levée entre-temps.
Les exceptions levées à l'intérieur du bloc sont transmises telles quelles à l'appelant.
""",
    "Finnish": """\
Tämä funktio lukee asetukset tiedostosta ja tarkistaa, että kaikki pakolliset kentät ovat mukana.
Jos jokin niistä puuttuu, nostetaan virhe, joka kertoo tiedoston nimen ja rivin numeron.
Oletusarvot korvataan vasta tarkistuksen jälkeen, koska puoliksi ladatut asetukset olisivat vaarallisia.
Huomaa, että suhteelliset polut lasketaan tiedoston sijainnista eikä nykyisestä hakemistosta.
Edellinen versio toimi päinvastoin, mikä aiheutti käyttäjille paljon päänvaivaa.
Palautettavan sanakirjan avaimet ovat samassa järjestyksessä kuin alkuperäisessä tiedostossa.
Yllä oleva silmukka on hidas hyvin suurille syötteille, mutta käytännössä niitä ei esiinny.
Tulokset voisi myös tallentaa välimuistiin; toistaiseksi siitä ei ole ollut mitään hyötyä.
Säie päättyy viimeistään silloin, kun pääohjelma lopetetaan käyttäjän pyynnöstä.
Älä kutsu tätä metodia suoraan, vaan käytä sen sijaan ylemmän tason rajapintaa.
Lohkon sisällä syntyneet poikkeukset välitetään kutsujalle sellaisinaan, ilman minkäänlaista käsittelyä.
Näin kutsuja päättää itse.
""",
    "Spanish": """\
Esta función lee el archivo de configuración y comprueba que estén presentes todos los campos obligatorios.
Si falta alguno, se lanza un error que indica el nombre del archivo y el número de la línea correspondiente.
Los valores por omisión se sustituyen después de la comprobación, pues una configuración a medias sería peligrosa.
Atención: las rutas relativas se calculan desde la ubicación del archivo y no desde el directorio actual.
La versión anterior hacía lo contrario, y eso causó más de un dolor de cabeza a los usuarios.
El diccionario devuelto conserva el orden que tenían las claves en el archivo de origen.
¿Por qué no usamos aquí una caché? Porque los datos cambian con demasiada frecuencia y nunca acertaría.
El bucle siguiente es lento para entradas muy grandes, aunque en la práctica todavía no se ha dado el caso.
El año se guarda con cuatro dígitos; el tamaño del búfer también es un parámetro de la clase.
¡Ojo! Después de la última iteración el índice queda apuntando más allá del final.
""",
    "Russian": """\
Эта функция читает файл настроек и проверяет, что все обязательные поля на месте.
Если какого-то поля не хватает, возникает ошибка с именем файла и номером строки, чтобы было понятно, где искать.
Значения по умолчанию заменяются только после проверки: наполовину загруженные настройки хуже, чем никакие.
Внимание: относительные пути отсчитываются от места, где лежит сам файл, а не от текущего каталога.
Прежняя версия работала наоборот, и это доставляло людям много хлопот.
Возвращаем словарь, ключи которого идут в том же порядке, что и в исходном файле.
Цикл ниже медленный для очень больших файлов, но на практике они никогда не бывают длиннее тысячи строк.
Если окажется иначе, нужно взять генератор и обрабатывать данные по частям.
За изменениями файла следит отдельный поток, он завершается вместе с программой.
Не вызывайте этот метод напрямую, для этого есть объект более высокого уровня.
Исключения, возникшие внутри блока, передаются вызывающему коду без изменений, решение остаётся за ним.
Объём памяти при этом не растёт.
""",
    "Ukrainian": """\
Ця функція читає файл налаштувань і перевіряє, чи всі обов'язкові поля на місці.
Якщо якогось поля бракує, виникає помилка з іменем файлу та номером рядка, щоб було зрозуміло, де шукати.
Типові значення замінюються лише після перевірки, бо наполовину завантажені налаштування гірші, ніж жодні.
Увага: відносні шляхи рахуються від місця, де лежить сам файл, а не від поточного каталогу.
Попередня версія працювала навпаки, і це завдавало людям чимало клопоту.
Повертаємо словник, ключі якого йдуть у тому ж порядку, що й у вихідному файлі.
Цикл нижче повільний для дуже великих файлів, але на практиці вони ніколи не бувають довші за тисячу рядків.
Якщо виявиться інакше, слід узяти генератор і обробляти дані частинами.
За змінами файлу стежить окремий потік, який завершується разом із програмою.
Не викликайте цей метод безпосередньо, для цього є об'єкт вищого рівня, зокрема з ґратками доступу.
Винятки, що виникли всередині блоку, передаються далі без жодних змін, рішення лишається за тим, хто викликав.
Об'єм пам'яті при цьому не зростає.
""",
    "Bulgarian": """\
Тази функция чете файла с настройки и проверява дали всички задължителни полета са налице.
Ако някое поле липсва, възниква грешка с името на файла и номера на реда, за да се знае къде да се търси.
Стойностите по подразбиране се заменят едва след проверката, защото наполовина заредени настройки са опасни.
Внимание: относителните пътища се отчитат от мястото на самия файл, а не от текущата директория.
Предишната версия работеше обратно и това създаваше много главоболия на потребителите.
Връщаме речник, чиито ключове са в същия ред, както в изходния файл.
Цикълът по-долу е бавен при много големи файлове, но на практика те никога не са по-дълги от хиляда реда.
Ако се окаже друго, трябва да се използва генератор и данните да се обработват на части.
Промените във файла се следят от отделна нишка, която приключва заедно с програмата.
Не извиквайте този метод пряко, за целта има обект от по-високо ниво.
Изключенията, възникнали вътре в блока, се предават нататък без промяна, решението е на извикващия код.
""",
    "Greek": """\
Αυτή η συνάρτηση διαβάζει το αρχείο ρυθμίσεων και ελέγχει ότι υπάρχουν όλα τα υποχρεωτικά πεδία.
Αν λείπει κάποιο από αυτά, προκαλείται σφάλμα που αναφέρει το όνομα του αρχείου και τον αριθμό της γραμμής.
Οι προεπιλεγμένες τιμές αντικαθίστανται μόνο μετά τον έλεγχο, γιατί μισές ρυθμίσεις είναι χειρότερες από καμία.
Προσοχή: οι σχετικές διαδρομές υπολογίζονται από τη θέση του αρχείου και όχι από τον τρέχοντα κατάλογο.
Η προηγούμενη έκδοση λειτουργούσε αντίστροφα και αυτό δημιουργούσε πολλά προβλήματα στους χρήστες.
Επιστρέφουμε ένα λεξικό με τα κλειδιά στην ίδια σειρά που έχουν στο αρχικό αρχείο.
Ο παρακάτω βρόχος είναι αργός για πολύ μεγάλα αρχεία, αλλά στην πράξη αυτά δεν ξεπερνούν τις χίλιες γραμμές.
Αν αποδειχθεί το αντίθετο, τα δεδομένα πρέπει να επεξεργάζονται σε μικρότερα κομμάτια.
Τις αλλαγές στο αρχείο τις παρακολουθεί ξεχωριστό νήμα, το οποίο τελειώνει μαζί με το πρόγραμμα.
Μην καλείτε αυτή τη μέθοδο απευθείας· υπάρχει γι' αυτό αντικείμενο υψηλότερου επιπέδου.
Οι εξαιρέσεις που προκύπτουν μέσα στο μπλοκ προωθούνται αυτούσιες στον καλούντα.
""",
    "Turkish": """\
Bu işlev ayar dosyasını okur ve zorunlu alanların hepsinin bulunup bulunmadığını denetler.
Alanlardan biri eksikse, dosyanın adını ve satır numarasını bildiren bir hata oluşturulur.
Varsayılan değerler ancak denetimden sonra değiştirilir, çünkü yarım yüklenmiş ayarlar tehlikeli olabilir.
Dikkat: göreli yollar şu anki dizine göre değil, dosyanın bulunduğu yere göre hesaplanır.
Önceki sürüm bunun tersini yapıyordu ve kullanıcılar bu yüzden epeyce sıkıntı çekiyordu.
Döndürülen sözlükteki anahtarlar, özgün dosyadaki sırayla aynıdır.
Aşağıdaki döngü çok büyük girdiler için yavaştır, ancak uygulamada böyle bir durumla karşılaşılmamıştır.
Gerekirse veriler parça parça işlenmelidir; böylece bellek kullanımı da düşük kalır.
Değişiklikleri ayrı bir iş parçacığı izler ve bu iş parçacığı ana programla birlikte sona erer.
Bu yöntemi doğrudan çağırmayın, bunun için daha üst düzeyde bir nesne vardır.
Blok içinde oluşan kural dışı durumlar hiç değiştirilmeden çağırana iletilir, karar ona bırakılır.
Böylece bellek kullanımı artmaz.
""",
    "Hebrew": """\
הפונקציה הזאת קוראת את קובץ ההגדרות ובודקת שכל השדות הנדרשים נמצאים בו.
אם אחד השדות חסר, נזרקת שגיאה שמציינת את שם הקובץ ואת מספר השורה, כדי שיהיה ברור היכן לחפש.
ערכי ברירת המחדל מוחלפים רק אחרי הבדיקה, כי הגדרות שנטענו רק בחלקן גרועות יותר מהיעדר הגדרות.
שימו לב: נתיבים יחסיים מחושבים ממקומו של הקובץ עצמו ולא מהתיקייה הנוכחית.
הגרסה הקודמת עבדה בדיוק הפוך, והדבר גרם למשתמשים צרות רבות.
מוחזר מילון שסדר המפתחות שלו זהה לסדר שבקובץ המקורי.
הלולאה שלמטה איטית עבור קבצים גדולים מאוד, אבל בפועל הם אף פעם אינם ארוכים מאלף שורות.
אם יתברר אחרת, יש להשתמש במחולל ולעבד את הנתונים במנות קטנות.
אחרי שינויים בקובץ עוקב תהליכון נפרד, והוא מסתיים יחד עם התוכנית.
אין לקרוא לשיטה הזאת ישירות, לשם כך קיים עצם ברמה גבוהה יותר.
חריגות שנוצרות בתוך הגוש מועברות הלאה ללא שינוי, וההחלטה נשארת בידי הקוד הקורא.
גודל הזיכרון אינו גדל בזמן הריצה, משום שכל שורה נכתבת מיד לאחר שעובדה.
השמות של העמודות עשויים לכלול אותיות בעברית, ולכן חשוב לשמור אותם בקידוד המתאים.
רשימת האפשרויות המלאה מופיעה במדריך למשתמש, בפרק על כוונון הביצועים.
""",
    "Arabic": """\
تقرأ هذه الدالة ملف الإعدادات وتتحقق من وجود جميع الحقول المطلوبة فيه.
إذا كان أحد الحقول ناقصا فإنها تطلق خطأ يذكر اسم الملف ورقم السطر حتى يعرف المستخدم أين يبحث.
لا تستبدل القيم الافتراضية إلا بعد التحقق، لأن الإعدادات المحملة جزئيا أسوأ من عدم وجودها.
تنبيه: تحسب المسارات النسبية انطلاقا من مكان الملف نفسه وليس من المجلد الحالي.
كانت النسخة السابقة تعمل بالعكس، وقد سبب ذلك متاعب كثيرة للمستخدمين.
نعيد قاموسا تكون مفاتيحه بالترتيب نفسه الموجود في الملف الأصلي.
الحلقة التالية بطيئة مع الملفات الكبيرة جدا، لكنها في الواقع لا تتجاوز ألف سطر.
وإذا تبين غير ذلك فيجب استعمال مولد ومعالجة البيانات على دفعات صغيرة.
يراقب تغييرات الملف خيط مستقل ينتهي مع انتهاء البرنامج.
لا تستدع هذه الطريقة مباشرة، فهناك كائن أعلى مستوى لهذا الغرض.
تمرر الاستثناءات التي تحدث داخل الكتلة كما هي إلى الشيفرة المستدعية، فالقرار يعود إليها.
لا يزداد استهلاك الذاكرة أثناء التشغيل لأن كل سطر يكتب فور الانتهاء من معالجته.
قد تحتوي أسماء الأعمدة على حروف عربية، ولذلك يجب حفظها بالترميز المناسب.
تجد القائمة الكاملة للخيارات في دليل المستخدم، في الفصل الخاص بتحسين الأداء.
""",
    "Lithuanian": """\
Ši funkcija nuskaito nustatymų failą ir patikrina, ar jame yra visi privalomi laukai.
Jeigu kurio nors lauko trūksta, sukeliama klaida, kurioje nurodomas failo pavadinimas ir eilutės numeris.
Numatytosios reikšmės pakeičiamos tik po patikrinimo, nes iš dalies įkelti nustatymai būtų pavojingi.
Dėmesio: santykiniai keliai skaičiuojami nuo failo vietos, o ne nuo dabartinio katalogo.
Ankstesnė versija veikė atvirkščiai, ir tai žmonėms kėlė daug rūpesčių.
Grąžinamas žodynas, kurio raktai išdėstyti ta pačia tvarka kaip ir pradiniame faile.
Žemiau esantis ciklas lėtas labai dideliems failams, bet iš tikrųjų jie niekada nebūna ilgesni nei tūkstantis eilučių.
Jei paaiškėtų kitaip, reikėtų naudoti generatorių ir duomenis apdoroti dalimis.
Failo pokyčius stebi atskira gija, kuri baigiasi kartu su programa.
Nekvieskite šio metodo tiesiogiai, tam yra aukštesnio lygio objektas.
Bloko viduje kilusios išimtys perduodamos toliau be jokių pakeitimų, sprendžia kviečiantysis kodas.
Atminties sąnaudos dėl to nedidėja.
""",
    "Japanese": """\
この関数は設定ファイルを読み込み、必要な項目がすべてそろっているかどうかを確認します。
項目が足りない場合は、ファイル名と行番号を含むエラーを発生させるので、利用者はどこを直せばよいかがすぐに分かります。
既定値は確認が終わってから置き換えます。途中まで読み込まれた設定は、設定がないよりも危険だからです。
注意：相対パスは現在のディレクトリではなく、ファイルが置かれている場所を基準に計算します。
以前の版では逆の動作をしていたため、多くの利用者が困っていました。
戻り値は辞書で、キーの順序は元のファイルと同じになります。
下のループは非常に大きなファイルでは遅くなりますが、実際には千行を超えることはありません。
もし超えるようであれば、ジェネレータを使ってデータを少しずつ処理してください。
ファイルの変更は別のスレッドが監視していて、プログラムと一緒に終了します。
このメソッドを直接呼び出さないでください。そのためにより上位のオブジェクトが用意されています。
文字列の表示には注意が必要です。能力や構造といった語は文字コードによって壊れることがあります。
ブロックの中で発生した例外は、そのまま呼び出し元に渡されます。
""",
    "Korean": """\
이 함수는 설정 파일을 읽고 필요한 항목이 모두 있는지 확인합니다.
항목이 하나라도 빠져 있으면 파일 이름과 줄 번호가 담긴 오류를 발생시켜 사용자가 어디를 고쳐야 하는지 알 수 있게 합니다.
기본값은 확인이 끝난 다음에 바꿉니다. 절반만 읽은 설정은 설정이 없는 것보다 더 위험하기 때문입니다.
주의: 상대 경로는 현재 디렉터리가 아니라 파일이 놓인 위치를 기준으로 계산합니다.
이전 버전은 반대로 동작해서 많은 사용자가 어려움을 겪었습니다.
돌려주는 사전의 키는 원래 파일과 같은 순서로 들어 있습니다.
아래 반복문은 아주 큰 파일에서는 느리지만 실제로는 천 줄을 넘는 일이 없습니다.
만약 넘게 된다면 제너레이터를 써서 자료를 조금씩 나누어 처리해야 합니다.
파일이 바뀌는지는 별도의 스레드가 지켜보며 프로그램이 끝날 때 함께 끝납니다.
이 메서드를 직접 부르지 마십시오. 이를 위해 더 높은 수준의 객체가 있습니다.
블록 안에서 발생한 예외는 바꾸지 않고 그대로 호출한 쪽에 넘깁니다.
한 줄을 처리할 때마다 바로 기록하므로 실행하는 동안 메모리 사용량이 늘어나지 않습니다.
열 이름에는 한글이 들어갈 수 있으니 알맞은 인코딩으로 저장해야 합니다.
사용할 수 있는 모든 설정은 설명서의 성능 조정 장에 나와 있습니다.
""",
    "Simplified Chinese": """\
这个函数读取配置文件，并检查所有必需的字段是否都存在。
如果缺少某个字段，就会抛出一个错误，其中包含文件名和行号，这样用户就知道应该在哪里查找。
默认值只有在检查之后才会被替换，因为只加载了一半的配置比没有配置更危险。
注意：相对路径是从文件所在的位置开始计算的，而不是从当前目录开始。
以前的版本正好相反，给使用者带来了很多麻烦。
返回的字典中，键的顺序与原始文件中的顺序相同。
下面的循环对于非常大的文件来说比较慢，但实际上文件从来不会超过一千行。
如果情况不是这样，就应该使用生成器，把数据分成小块来处理。
文件的变化由一个单独的线程来监视，它会随着程序一起结束。
请不要直接调用这个方法，为此有一个更高层次的对象。
缓存的大小可以通过参数调整，过大的缓存会占用太多内存，过小则会降低速度。
每次写入之前都要先备份旧的数据，以免在断电的时候丢失用户的工作成果。
代码块内部产生的异常会原样传给调用者，由调用者决定如何处理。
每处理完一行就立即写入，因此运行期间内存的占用不会增加。
列的名称可能包含汉字，所以必须用合适的编码来保存。
全部可用的选项都列在用户手册中关于性能调整的那一章里。
如果输入的数据来自网络，应当先检查长度，再进行解析。
""",
    "Traditional Chinese": """\
這個函式讀取設定檔，並檢查所有必要的欄位是否都存在。
如果缺少某個欄位，就會拋出一個錯誤，其中包含檔案名稱和行號，這樣使用者就知道應該在哪裡尋找。
預設值只有在檢查之後才會被取代，因為只載入了一半的設定比沒有設定更危險。
注意：相對路徑是從檔案所在的位置開始計算的，而不是從目前的目錄開始。
以前的版本正好相反，給使用者帶來了很多麻煩。
傳回的字典中，鍵的順序與原始檔案中的順序相同。
下面的迴圈對於非常大的檔案來說比較慢，但實際上檔案從來不會超過一千行。
如果情況不是這樣，就應該使用產生器，把資料分成小塊來處理。
檔案的變化由一個單獨的執行緒來監視，它會隨著程式一起結束。
請不要直接呼叫這個方法，為此有一個更高層次的物件。
許多功能的成敗取決於輸入的品質，因此在這裡仔細檢查每一個參數的類型和範圍。
每次寫入之前都要先備份舊的資料，以免在斷電的時候遺失使用者的工作成果。
程式區塊內部產生的例外會原樣傳給呼叫者，由呼叫者決定如何處理。
每處理完一行就立即寫入，因此執行期間記憶體的用量不會增加。
欄位的名稱可能包含漢字，所以必須用合適的編碼來儲存。
全部可用的選項都列在使用手冊中關於效能調整的那一章裡。
如果輸入的資料來自網路，應當先檢查長度，再進行解析。
""",
    "Thai": """\
ฟังก์ชันนี้อ่านแฟ้มการตั้งค่าและตรวจสอบว่ามีข้อมูลที่จำเป็นครบทุกช่องหรือไม่
ถ้าขาดช่องใดช่องหนึ่ง จะเกิดข้อผิดพลาดที่บอกชื่อแฟ้มและหมายเลขบรรทัด เพื่อให้ผู้ใช้รู้ว่าควรแก้ไขที่ใด
ค่าปริยายจะถูกแทนที่หลังจากการตรวจสอบเท่านั้น เพราะการตั้งค่าที่โหลดมาเพียงครึ่งเดียวอันตรายกว่าการไม่มีเลย
โปรดระวัง เส้นทางสัมพัทธ์คำนวณจากตำแหน่งของแฟ้ม ไม่ใช่จากไดเรกทอรีปัจจุบัน
รุ่นก่อนหน้านี้ทำงานกลับกัน และทำให้ผู้ใช้จำนวนมากเดือดร้อน
ค่าที่คืนกลับมาเป็นพจนานุกรมซึ่งเรียงลำดับเหมือนในแฟ้มต้นฉบับ
วงวนด้านล่างช้าสำหรับแฟ้มขนาดใหญ่มาก แต่ในทางปฏิบัติแฟ้มไม่เคยยาวเกินหนึ่งพันบรรทัด
อย่าเรียกใช้เมธอดนี้โดยตรง เพราะมีวัตถุระดับสูงกว่าสำหรับงานนี้อยู่แล้ว
ข้อยกเว้นที่เกิดขึ้นภายในบล็อกจะถูกส่งต่อไปยังผู้เรียกโดยไม่เปลี่ยนแปลง
หน่วยความจำที่ใช้จะไม่เพิ่มขึ้นระหว่างการทำงาน เพราะเขียนผลลัพธ์ทันทีหลังประมวลผลแต่ละบรรทัด
ชื่อคอลัมน์อาจมีตัวอักษรไทย จึงต้องบันทึกด้วยรหัสอักขระที่เหมาะสม
ตัวเลือกทั้งหมดอยู่ในคู่มือผู้ใช้ ในบทที่ว่าด้วยการปรับประสิทธิภาพ
การติดตามการเปลี่ยนแปลงของแฟ้มอยู่ในเธรดแยกต่างหาก ซึ่งจบลงพร้อมกับโปรแกรม
""",
    "French with ligatures and euros": """\
Le cœur du module calcule le prix de chaque œuvre en euros ; une œuvre coûte au moins 5 €.
Les frais d'envoi, soit 12,50 € par colis, sont ajoutés après coup, jamais avant la remise.
Le vœu du client est conservé tel quel, y compris les caractères œ et Œ qui manquent à l'ancien jeu.
Attention à la manœuvre ci-dessous : elle modifie la liste pendant qu'on la parcourt.
Nous avons préféré une sœur de cette classe à un héritage, c'est plus lisible à la relecture.
Un montant négatif, par exemple -3 €, déclenche une erreur explicite dès la saisie.
Le bœuf et les œufs de l'exemple viennent du tutoriel ; leurs prix en € sont inventés.
La mise à jour n'a lieu qu'une fois par jour, à l'aube, lorsque la boutique est fermée.
Si le taux de change est inconnu, on renvoie le prix en € sans le convertir.
Le résultat est arrondi au centime supérieur, comme l'exige le règlement intérieur.
Les tests vérifient aussi le cas où le panier est vide et le total égal à 0 €.
Voir l'annexe pour la liste complète des taux et de leurs périodes de validité.
""",
    "German with euros": """\
Der Preis wird in Euro gespeichert; ein Artikel kostet mindestens 5 €.
Versandkosten, also 12,50 € je Paket, kommen erst nach dem Rabatt hinzu und nie davor.
Für größere Bestellungen über 100 € entfallen sie, das prüft die nächste Funktion.
Ein negativer Betrag wie -3 € löst schon bei der Eingabe einen verständlichen Fehler aus.
Die Beträge im Beispiel stammen aus der Einführung und sind frei erfunden.
Ist der Wechselkurs unbekannt, so geben wir den Preis in € unverändert zurück.
Das Ergebnis wird auf volle Cent aufgerundet, wie es die Geschäftsordnung verlangt.
Aktualisiert wird nur einmal täglich, und zwar früh am Morgen, wenn der Laden noch geschlossen ist.
Die Prüfungen decken auch den Fall ab, dass der Warenkorb leer ist und die Summe 0 € beträgt.
Änderungen während der Schleife sind gefährlich, deshalb kopieren wir die Liste vorher.
Sämtliche Kurse und ihre Gültigkeit stehen im Anhang des Handbuchs.
Überweisungen aus der Schweiz werden später ergänzt, sobald die Schnittstelle dafür fertig ist.
""",
    "English in typographic dress": """\
Don’t call this method directly — it’s meant for subclasses only.
The “fast path” skips validation, so callers must’ve checked the arguments before.
We used to cache the result here, but that wasn’t worth it: the hit rate stayed under 5 %.
Jürgen’s patch fixed the naïve rounding – see the discussion on the list.
If the user’s home directory doesn’t exist, we fall back to the current one…
The façade hides two “backends”; they’re selected by the configuration file.
It’s tempting to inline this loop – please don’t, it was a bottleneck for café.example.com.
The résumé of a run is written last, so that an interrupted run isn’t mistaken for a finished one.
There’s one more caveat: the server’s clock may be ahead of ours.
We can’t rely on “sorted” being stable in every version that we’ve supported.
The author’s notes say “never touch this”, and we’d rather not find out why…
Everything that’s returned has already been copied, hence it’s safe to modify.
That’s also why the tests below don’t use the public interface – they’d be too slow.
""",
    "Russian with typography": """\
Эта функция — точка входа: она читает файл «настройки» и проверяет обязательные поля.
Если поля «имя» не хватает, возникает ошибка № 5 с именем файла и номером строки…
Значения по умолчанию — последнее средство: «полузагруженные» настройки хуже, чем никакие.
Внимание — относительные пути отсчитываются от места, где лежит сам файл.
Прежняя версия работала «наоборот», и это доставляло людям много хлопот.
Возвращаем «словарь», ключи которого идут в том же порядке, что и в исходном файле.
Цикл ниже — медленный, но на практике файлы никогда не бывают длиннее 1000 строк.
Если окажется иначе — нужно взять генератор и обрабатывать данные по частям.
За изменениями файла следит отдельный поток № 2, он завершается вместе с программой.
Не вызывайте этот метод «напрямую», для этого есть объект более высокого уровня.
Исключения внутри блока передаются дальше «как есть» — решение остаётся за вызывающим кодом.
Подробности — в главе № 7 руководства, раздел «Настройка скорости».
Объём памяти при этом не растёт: каждая строка записывается сразу после обработки.
""",
    "Croatian": """\
Ova funkcija čita datoteku s postavkama i provjerava jesu li prisutna sva obvezna polja.
Ako neko polje nedostaje, podiže se pogreška s imenom datoteke i brojem retka, kako bi korisnik znao gdje tražiti.
Zadane vrijednosti zamjenjuju se tek nakon provjere, jer su napola učitane postavke gore nego nikakve.
Pažnja: relativne putanje računaju se od mjesta na kojem se datoteka nalazi, a ne od trenutačne mape.
Prijašnja inačica radila je obrnuto, što je ljudima stvaralo mnogo neprilika.
Vraćamo rječnik čiji su ključevi poredani isto kao u izvornoj datoteci.
Petlja u nastavku spora je za vrlo velike datoteke, ali one u praksi nikad nemaju više od tisuću redaka.
Ako se pokaže drukčije, treba uzeti generator i obrađivati podatke dio po dio.
Promjene datoteke prati zasebna dretva, koja završava zajedno s programom.
Ne pozivajte ovu metodu izravno, za to postoji objekt više razine.
Iznimke nastale unutar bloka prosljeđuju se dalje bez ikakvih promjena, odluku donosi pozivatelj.
Žuti šešir i đačka torba samo su primjeri imena s kvačicama.
""",
    "Portuguese": """\
Esta função lê o arquivo de configuração e verifica se todos os campos obrigatórios estão presentes.
Se faltar algum deles, é lançado um erro com o nome do arquivo e o número da linha, para que o usuário saiba onde procurar.
Os valores padrão só são substituídos depois da verificação, pois uma configuração pela metade seria perigosa.
Atenção: os caminhos relativos são calculados a partir da localização do arquivo, e não do diretório atual.
A versão anterior fazia o contrário, o que causava muitas dores de cabeça às pessoas.
Devolvemos um dicionário cujas chaves estão na mesma ordem do arquivo original.
O laço abaixo é lento para arquivos muito grandes, mas na prática eles nunca têm mais de mil linhas.
Caso isso mude, será necessário usar um gerador e processar os dados em porções.
As alterações do arquivo são observadas por uma linha de execução própria, que termina junto com o programa.
Não chame este método diretamente; para isso existe um objeto de nível mais alto.
As exceções que ocorrem dentro do bloco são repassadas sem nenhuma modificação.
""",
    "Swedish": """\
Den här funktionen läser inställningsfilen och kontrollerar att alla nödvändiga fält finns med.
Om något fält saknas uppstår ett fel som anger filens namn och radens nummer, så att användaren vet var hon ska leta.
Förvalda värden ersätts först efter kontrollen, eftersom halvt inlästa inställningar är värre än inga alls.
Observera att relativa sökvägar räknas från platsen där filen ligger och inte från den aktuella katalogen.
Den förra versionen gjorde tvärtom, vilket vållade många människor bekymmer.
Vi lämnar tillbaka en ordlista vars nycklar står i samma ordning som i källfilen.
Slingan nedan är långsam för mycket stora filer, men i praktiken är de aldrig längre än tusen rader.
Skulle det visa sig vara annorlunda får man använda en generator och behandla uppgifterna i mindre delar.
Ändringar i filen övervakas av en egen tråd, som avslutas samtidigt med programmet.
Anropa inte den här metoden direkt, för det ändamålet finns ett objekt på högre nivå.
Undantag som uppstår inne i blocket skickas vidare utan ändringar, beslutet är anroparens.
""",
}

# The encodings in which files of a language are met; the first of a row is the most common one.
ENCODINGS: dict[str, list[str]] = {
    "Polish": ["cp1250", "iso8859-2"],
    "Czech": ["cp1250", "iso8859-2"],
    "Hungarian": ["cp1250", "iso8859-2"],
    "German": ["latin-1", "cp1252", "iso8859-15"],
    "French": ["latin-1", "cp1252", "iso8859-15"],
    "Finnish": ["latin-1", "cp1252", "iso8859-15"],
    "Spanish": ["latin-1", "cp1252", "iso8859-15"],
    "Russian": ["cp1251", "koi8-r", "iso8859-5", "cp866"],
    "Ukrainian": ["cp1251", "koi8-u"],
    "Bulgarian": ["cp1251", "iso8859-5"],
    "Greek": ["cp1253", "iso8859-7"],
    "Turkish": ["cp1254", "iso8859-9"],
    "Hebrew": ["cp1255", "iso8859-8"],
    "Arabic": ["cp1256"],
    "Lithuanian": ["cp1257", "iso8859-13"],
    "Japanese": ["shift_jis", "cp932", "euc-jp"],
    "Korean": ["euc-kr", "cp949"],
    "Simplified Chinese": ["gb18030", "gbk"],
    "Traditional Chinese": ["big5"],
    "Thai": ["cp874"],
    "French with ligatures and euros": ["cp1252", "iso8859-15"],
    "German with euros": ["cp1252", "iso8859-15"],
    "English in typographic dress": ["cp1252", "mac-roman"],
    "Russian with typography": ["cp1251"],
    "Croatian": ["cp1250", "iso8859-2"],
    "Portuguese": ["latin-1", "cp1252", "iso8859-15"],
    "Swedish": ["latin-1", "cp1252", "iso8859-15"],
}
